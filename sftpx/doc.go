// Package sftpx puts a file whole, or not at all, into one drop directory.
//
// It is for destinations that are fed by files: somebody else's process lists a directory and takes what it finds there.
// Three transports do the same thing in three places:
//
//   - [Client] on an SFTP server,
//   - [Dir] in a local directory (a mounted share, a folder that another program watches),
//   - [Mem] in memory, for tests.
//
// # The contract
//
// All three have the methods below, which mention standard types only, so that a consumer can declare the interface it needs:
//
//	Put(ctx context.Context, name, temp string, body *io.SectionReader) error
//	Size(ctx context.Context, name string) (int64, error)
//
// Put writes body under the bare name temp, checks its size, and renames it to the bare name name.
//
//   - Whoever lists the directory sees the whole file under name, or nothing under that name.
//   - A file already called temp is taken for the leftover of an earlier attempt at the same file, and is replaced.
//   - A file already called name is never overwritten: the error matches [fs.ErrExist]. This is looked at before the upload and
//     again at the rename. The temporary file is removed.
//   - After any other error the temporary file is removed if the destination still allows it, and nothing of ours is under name. The error names
//     the exceptions: a connection lost during the rename, so that nobody knows whether it was done; a size that is wrong after the rename; and,
//     for [Dir], a directory that could not be synced after the file was published.
//   - Put may be called again with the same arguments after an error.
//   - body is read through ReadAt from its offset 0, whatever its own position, and may be read more than once. A body that ends
//     before body.Size() is an error matching [io.ErrUnexpectedEOF], and nothing is published.
//   - A missing drop directory is an error that names it and matches [fs.ErrNotExist]. For [Client], a missing staging directory gives such an
//     error too, and nothing else does. No directory is ever created.
//   - When ctx ends, so does the call, with [context.Cause] in the error. It waits for a ReadAt of the body that has begun.
//
// Size gives the size in bytes of the file with that bare name. The error matches [fs.ErrNotExist] when there is no such file, and
// [errors.ErrUnsupported] when the destination does not let us look.
//
// A bare name is valid UTF-8 without '/', '\', control characters or NUL, not empty, not "." and not "..". Anything else, and a temp equal
// to name, is an error matching [fs.ErrInvalid]; nothing is touched.
//
// # SFTP
//
// [New] checks the whole [Config] and reports every problem at once. It does not dial: the first call does. So prepare the files first, and keep
// the connection short. The server's host key is always checked, against a known_hosts file or a pinned key; there is no way around it, and
// [HostKeyError] says what to do. Login is by password (keyboard-interactive included), by key, and by ssh-agent.
//
// Nothing waits for ever: connecting, every answer and closing have a time limit ([Config].Timeout), and an answer counts only when it is whole.
// After an error that may pass, the call is tried again on a new connection, after growing, random waits, and from the first byte of the file.
// What the server refuses is not tried again, and neither is a login. When the answer to a rename is lost, Put looks where the file is, and
// never uploads again under the same temporary name: a slow server might still do the rename. [Config].Notify is told of attempts, and of files
// that were picked up before they could be looked at. An error of a Client has a method Retryable() bool, which reports whether a later call may
// succeed without anybody's doing.
//
// A Client never sets attributes, makes or lists directories, or overwrites files, so an account that may only write and rename is enough.
// [Client.Check] shows what a server can do. For servers that can not rename there is [Config].Direct, and for readers that take temporary files
// as well there is [Config].Staging.
//
// # Logs
//
// [Config].Logger gets these events; messages, keys and levels stay as they are, and keys may be added. Each has server, the address:
//
//	message             level  keys
//	connected           INFO   connection: which one of this Client, from 1; software, what the server calls itself; duration
//	connection dropped  INFO   reason; "ended" when that happened between two calls
//	attempt failed      WARN   operation: put, size or check; file; attempt, from 1; wait, until the next one; reason
//	call failed         ERROR  operation, file, reason: the error that the call returns. DEBUG when it is an answer: a name is taken, a
//	                           file whose size was asked for is not there, the server does not let us look
//	picked up           INFO   file: its reader was quicker than our look
//
// A reason is one of stopped, timeout, closed, connection, host key, algorithms, login, no SFTP, local (the body or a secret can not be read),
// space, size, gone, rename refused, unknown outcome, exists, missing, permission, unsupported, and answer N for a status code of SFTP.
//
// # Not here
//
// Reading, listing or deleting at the destination, FTP, logins that ask for more than a password.
//
// Package [github.com/spliosync/spliosync/sftpx/sftpxtest] has an SFTP server for tests, and a suite that checks any transport against this
// contract.
package sftpx
