package sftpx

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// events logs what a client does, as the table in the comment of the package says. Without a logger it does nothing.
type events struct {
	logger *slog.Logger
	server string
}

func (e events) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	if e.logger != nil {
		e.logger.LogAttrs(ctx, level, message, append([]slog.Attr{slog.String("server", e.server)}, attrs...)...)
	}
}

func (e events) connected(ctx context.Context, software string, n int, took time.Duration) {
	e.log(ctx, slog.LevelInfo, "connected", slog.String("software", software), slog.Int("connection", n), slog.Duration("duration", took))
}

// dropped is told of a connection that is given up. Without an error it has ended between two calls.
func (e events) dropped(ctx context.Context, err error) {
	class := "ended"
	if err != nil {
		class = reason(err)
	}
	e.log(ctx, slog.LevelInfo, "connection dropped", slog.String("reason", class))
}

// operation is what the log calls a call, whose name in errors is what.
func operation(what string) slog.Attr {
	return slog.String("operation", strings.TrimSuffix(what, " of"))
}

func (e events) again(ctx context.Context, what, name string, n int, wait time.Duration, err error) {
	e.log(ctx, slog.LevelWarn, "attempt failed", operation(what), slog.String("file", name), slog.Int("attempt", n),
		slog.Duration("wait", wait), slog.String("reason", reason(err)))
}

// failed is told of a call that is not tried again. That a file is there, or is not, is an answer.
func (e events) failed(ctx context.Context, what, name string, err error) {
	level := slog.LevelError
	if errors.Is(err, fs.ErrExist) || errors.Is(err, errors.ErrUnsupported) || what == sizeOf && errors.Is(err, fs.ErrNotExist) {
		level = slog.LevelDebug
	}
	e.log(ctx, level, "call failed", operation(what), slog.String("file", name), slog.String("reason", reason(err)))
}

func (e events) pickedUp(ctx context.Context, name string) {
	e.log(ctx, slog.LevelInfo, "picked up", slog.String("file", name))
}

// reason is what kind of error it is. Its text may hold paths and the name of the user.
func reason(err error) string {
	status, answered := errors.AsType[*sftp.StatusError](err)
	_, ended := errors.AsType[*endError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "stopped"
	case errors.Is(err, os.ErrDeadlineExceeded): // of ours: a context may have had a part in it
		return "timeout"
	case errors.Is(err, context.DeadlineExceeded):
		return "stopped"
	case is[*HostKeyError](err):
		return "host key"
	case is[*ssh.AlgorithmNegotiationError](err):
		return "algorithms"
	case errors.Is(err, ErrLogin):
		return "login"
	case errors.Is(err, errNoSFTP):
		return "no SFTP"
	case is[*localError](err):
		return "local"
	case is[*spaceError](err):
		return "space"
	case is[*unsettledError](err):
		return "unknown outcome"
	case is[*refusedError](err):
		return "rename refused"
	case is[*goneError](err):
		return "gone"
	case is[*sizeError](err):
		return "size"
	case ended, errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, fs.ErrExist):
		return "exists"
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case errors.Is(err, fs.ErrPermission):
		return "permission"
	case errors.Is(err, errors.ErrUnsupported):
		return "unsupported"
	case answered:
		return "answer " + strconv.FormatUint(uint64(status.Code), 10)
	}
	return "connection"
}
