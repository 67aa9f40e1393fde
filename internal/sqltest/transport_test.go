package sqltest_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// dir is a transport into a directory: package sftpx has a better one, and more
// than this module needs.
type dir string

func (d dir) Put(_ context.Context, name, temp string, body *io.SectionReader) error {
	if _, err := os.Stat(filepath.Join(string(d), name)); err == nil {
		return fs.ErrExist
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(string(d), temp), data, 0o600), os.Rename(filepath.Join(string(d), temp), filepath.Join(string(d), name)))
}

func (d dir) Size(_ context.Context, name string) (int64, error) {
	info, err := os.Stat(filepath.Join(string(d), name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
