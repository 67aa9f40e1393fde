// Package sftpxtest helps to test what delivers files into a drop directory.
//
// [TestTransport] holds an implementation of the contract of package sftpx to it: those in that package, and your own.
//
//	func TestMyTransport(t *testing.T) {
//		sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
//			dir := t.TempDir()
//			return sftpxtest.DirFixture(mytransport.New(dir), dir)
//		})
//	}
//
// [Start] runs a real SSH and SFTP server on a loopback port, for tests against the wire and for programs that want to show a delivery
// without a provider. It can be made to refuse, stall, slow down and hang up.
package sftpxtest
