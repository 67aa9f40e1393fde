// Package diff finds what changed in a set of keyed records since the last
// delivered run, and remembers it as digests: of what it is given, no value
// and no key is ever written down.
//
// A run takes every record of today with [Feed.Put], then [Run.Compare] joins
// them with the last published snapshot, and [Run.Changes] tells, in the order
// of the records, what is new, changed (with the columns) or due, and how many
// are gone:
//
//	store, err := diff.Open(dir, diff.Options{Scope: "acme/email"})
//	run, err := store.Begin(ctx, []string{"firstname", "points"}, diff.RunOptions{})
//	feed := run.Feed()
//	err = feed.Put(1, []byte("ann@example.net"), [][]byte{[]byte("Ann"), []byte("7")})
//	summary, err := run.Compare(ctx)
//	for change, err := range run.Changes(ctx) { ... }
//	id, err := run.Stage(ctx)       // durable, not yet current
//	...                             // deliver
//	err = store.Publish(ctx, id)    // now it is what the next run compares with
//
// Whoever can put the few records that are not what they were a second time
// spares the digests of most cells with [RunOptions.Again], and, where records are
// made of a text, the making of most records with [RunOptions.Rendering] and
// [Feed.Known].
//
// # What is compared
//
// The cells as they would be sent. A nil cell is absent, which is unlike an
// empty one. Columns have names, and their order does not matter: when the
// columns differ from those of the last snapshot, a column that is new counts
// as changed in every record that has a non-empty cell in it, and one that is
// gone is forgotten. A record that keeps its earlier state, because it was
// rejected, has an empty cell in a column that is new.
//
// # Two steps
//
// [Run.Stage] writes a candidate that is durable but not current;
// [Store.Publish] makes it current, if the snapshot it was computed from still
// is (compare and swap). Publish may be repeated, and called by any process.
// Whoever publishes only after the changes were delivered never forgets one.
//
// # Files
//
// In the directory of a store, all of them readable by their owner alone:
//
//	snapshot.current      the last published snapshot
//	snapshot.staged-ID    a candidate that waits for Publish or Discard
//	snapshot.records-ID   records that these two share, once they are many; removed
//	                      when neither names it any more
//	snapshot.tmp-ID       a file being written, or records that wait for Compare;
//	                      removed by the next run
//	snapshot.key          the digest key, unless the caller brings one
//	snapshot.key.tmp-TEXT the key being written; removed by the next run
//	snapshot.lock         locked while a Store is open; names the holder
//
// A snapshot of more than 10,000 records is two files: one with all records, and
// snapshot.current or snapshot.staged-ID, which names it and says what has changed
// since it was written. So a run writes little when little has changed. When
// more than a quarter has, or after thirty runs, the next one writes a new file of
// records: until then that has the digests of those who are gone, too. A snapshot
// is not whole without its file of records: a copy needs both.
//
// Where an open file can lose its name, the records that wait have none. A
// read-only store keeps them in the temporary directory of the operating system.
//
// A store never touches a file of another name. A snapshot that is damaged,
// truncated, foreign or of a newer version is refused by name and left as it
// is. A name that is a symbolic link out of the directory is refused as well.
//
// # Format of a snapshot
//
// Both files have this format. Integers are little endian, checksums CRC-32C. The
// records of one partition (records whose key digests share their first bits) stand
// together, and the partitions follow in ascending order; inside a partition there is no
// order.
//
//	header  0  8  magic "spsnap\r\n"
//	        8  2  version, 1
//	       10  1  digests: 1 = SipHash-2-4 as below
//	       11  1  partition bits, 0 to 16
//	       12  2  columns C, 0 to 256
//	       14  2  length L of the scope
//	       16 16  id
//	       32 16  id of the snapshot it was computed from; zero for the first, and in
//	              a file of records
//	       48 16  id of the file of records that this one has the changes of; zero:
//	              there is none, and all records are in this file
//	       64 16  check value of the digest key
//	       80  8  check value of the Rendering; zero: there was none
//	       88  L  scope
//	        +  .  C times: 2 bytes length, column name
//	        +  4  checksum of everything before
//	block   0  4  partition
//	        4  4  records n
//	        8  4  checksum of id, number of the block, bytes 0 to 8, records
//	       12  .  n records of 34 + 4C bytes, or of 4 more in a file of changes
//	record  0 16  key digest
//	       16  8  row digest
//	       24  1  flags: 1 unconfirmed, 2 due, 4 row digest unknown; times 8, how often
//	              the row was reported as bad since it changed, 0 to 7; in a file of
//	              changes, 64: there is no record any more
//	       25  8  text digest, 0 for none
//	       33  1  number of the note, from 1 on; 0 for none
//	       34 4C  column digests
//	        +  4  in a file of changes, the number of the record in the file of records
//	              that this one stands in place of, from 1 on; 0 for none
//	texts   0  4  0xFFFFFFFE
//	        4  4  texts n
//	        8  4  checksum of id, number of the block, bytes 0 to 8, texts
//	       12  .  n texts of 12 bytes, in ascending order
//	text    0  8  text digest, its first byte first
//	        8  4  number of the record, from 0 on; times 2^30: 1 unconfirmed, 2 noted
//	end     0  4  0xFFFFFFFF
//	        4  4  number of blocks of records
//	        8  8  records in them
//	       16  8  records of the snapshot, 8 unconfirmed, 8 due
//	       40  8  texts
//	       48  8  offset of their first block, or of the end record
//	       56  8  how many snapshots have said what has changed since the records were
//	              written, up to this one
//	       64  2  notes N, 0 to 255
//	       66  .  N times: 2 bytes length, note; one that is empty is not in use
//	        +  8  offset of the end record
//	        +  4  checksum of id and everything of the end record before
//	        +  8  "spsnend\n", the last bytes of the file
//
// Blocks of texts follow those of records, in a file of records alone, and are numbered
// on. They say once more which texts the records have, but for those that are due or of
// an unknown row. The notes are those of snapshot.current or snapshot.staged-ID.
//
// A file without its end record is truncated, never a short success.
//
// # Digests
//
// From the digest key (32 random bytes, or the caller's) HKDF-SHA256 derives 16
// bytes for each purpose, without a salt and with the info "spliosync/diff 1 "
// followed by "key", "row", "column" or "check". A key digest is the 128-bit
// SipHash-2-4 of the key. A row digest is the 64-bit one of the key digest and
// all cells in the order of the columns, a column digest the low 32 bits of that
// of the key digest, the length of the column's name, the name and the cell. A text
// digest is the 64-bit one of the text, with a key that is derived from 16 bytes of
// the purpose "text" in the same way, for the purpose "text " and the Rendering; 8 bytes
// more of these are the check value of the Rendering. An
// absent cell is a byte 0, another one a byte 1, its length and its bytes, where
// lengths are unsigned varints. Equal values in two records therefore look
// unrelated, and without the digest key nobody can test a guess: SipHash is a
// pseudo-random function under a secret key. Who keeps the key beside the
// snapshot in a backup protects nothing.
//
// A changed row is missed with probability 2^-64 each time that it is compared,
// which is when the 64 bits of a pseudo-random function under a secret key are
// the same for two messages, be they cells or texts: a billion changed rows a day
// for a thousand years make 2e-5, and nobody without the key can do anything for it. Where a row
// differs, a changed column is left out of the set with 2^-32; a changed row
// without any column in its set counts as changed in all of them. Only for a
// record that kept its state while the columns changed, and in a run whose
// columns lack one that the last snapshot has, do column digests alone decide,
// with 2^-32 for each changed cell. Two keys share a digest with 1.5e-23 among a
// hundred million.
//
// SipHash is what it is because it is the fastest of the keyed functions on
// messages as short as these. Measured on one processor, a row of 108 bytes
// takes SipHash-2-4 (github.com/dchest/siphash) 47 ns, HighwayHash 44, keyed
// BLAKE3 173 and HMAC-SHA256 194; a cell of 10 bytes takes them 16, 54, 91 and
// 160. Functions that are faster still have a seed in place of a key.
//
// # Memory and temporary files
//
// A run holds as much as [RunOptions.Memory] says. The digests of the records
// that are put wait for Compare in memory, and beyond their part of it in a
// temporary file, sorted by partition in lots of some megabytes: 32 bytes and 4
// for each column, for each record, and 8 more when the columns differ from
// those of the last snapshot. With [RunOptions.Again] they are 32 bytes, and in a
// file of their own 32 and 4 for each column, for each record that is put again.
// A [RunOptions.Rendering] makes 9 bytes more of each. The known keys take 16 bytes
// each, in a file of their own, and the texts of a new file of records 12. When the
// last snapshot has too few partitions for the records of today, which is seldom, it
// is partitioned once more, in another file of its size. Temporary files hold
// digests, never values; they are neither synced nor checksummed, since they do not
// outlive the run. When the disk is full, Put or Compare fails, and the store is as it
// was.
//
// Compare knows how many records there are, and chooses the number of
// partitions for them and for the budget; the next snapshot is written with it.
// Each partition is joined by itself in memory, several at once, while the last
// snapshot is read and the next one written in one sequential pass. Duplicates
// of a key take no room there, however many. What comes out depends neither on
// the budget nor on the number of workers nor on the digest key.
//
// What takes the time is Put, and of that the digests of the columns, unless
// there is Again: feeds in several goroutines share the work. Compare reads the last
// snapshot and the temporary file, with Again twice, and writes what has changed, or
// all of the next snapshot.
//
// # Runs by text
//
// A run that is [Run.ByText] holds the texts of the last snapshot in memory, some 3.5
// to 6 bytes for each: the first bits of a digest say where it is, and 24 to 40 bits of the
// rest are kept there; texts of which the same is kept count as not known. A record whose text is found is taken as it was: neither its key
// nor its cells are looked at. That is right unless one text was taken for another, or
// another record has the same key. The first is found out because the whole digests of
// all texts that were found are added up, in 4,096 sums, and so are, in Compare, those
// of the records that are taken as found: where two sums differ, which they do but for
// 2^-64, all records that have a part in them are put after all. The second is
// found out when a text is found twice, and in Compare, which knows the keys of all
// records that were put. Then Again is called, Known asks for the records in
// question, and Compare begins anew.
//
// Such a run costs next to nothing but the digest of each text, and one reading of the
// last snapshot. It spills nothing as long as little has changed. When a million texts
// were looked for and none was found, no more are, and all records are put. When there is not
// enough memory for the texts, or the Rendering is not that of the last snapshot, a run is
// not by text.
//
// Of the sets of changed columns a run keeps at most 4,096 apart, see
// [Change.Columns].
//
// # Versions of the format
//
// A snapshot of a newer version is refused, untouched, by [ErrVersion]. Every
// version of this package reads what every earlier one has written, and writes
// the newest: the first run after an upgrade replaces the snapshot anyway. After
// that the older version can not go on. What each version of the format looks
// like is kept in testdata, and a test goes on from it.
//
// # Erasure
//
// [Store.Forget] removes the record of a key, and writes the rest into new files. The digest of a key says nothing
// about it without the digest key, but who has both can test a guess.
//
// # Durability
//
// Publish assumes that fsync of a file and of its directory makes them
// durable, and that rename is atomic.
//
// # Locks and network file systems
//
// The lock is an advisory lock of the operating system on snapshot.lock: flock,
// or LockFileEx on Windows. It dies with its process, and a file that is left over
// locks nothing. Where the file system says that it has no locks (ENOLCK,
// ENOSYS, EOPNOTSUPP), Open fails and says so.
//
// A local disk is the place for a store. On NFS, Linux turns flock into a lock on
// the server, which keeps out other machines as long as the server grants locks
// at all: version 4, or version 3 with a lock service on both sides. That can not
// be detected from here: with the mount options nolock or local_lock=flock the
// lock is granted, and holds on one machine only. Nor can a lock be seen to be
// lost, when the server restarts or the machine is cut off for longer than its
// lease. File systems in user space (FUSE) grant flock on one machine by default,
// whatever they share. Between machines, Publish then still refuses a candidate
// whose base is no longer current, but looking and replacing are two steps. So
// let one machine run, or keep the directory on its own disk.
package diff
