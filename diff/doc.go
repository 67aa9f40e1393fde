// Package diff finds what changed in a set of keyed records since the last
// delivered run. It remembers the records as digests: no value and no key that it
// is given is ever written to a file.
//
// A run takes every record of today with [Feed.Put]. [Run.Compare] then joins them
// with the last published snapshot, and [Run.Changes] yields, in the order of the
// records, which are new, changed (with the columns) or due, and after them one
// Gone for each key that is gone:
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
// A caller that can put the few records that have changed a second time saves the
// digests of most cells with [RunOptions.Again]. Where records are made from a
// text, such as a line of a file, [RunOptions.Rendering] and [Feed.Known] also save
// the work of making most records.
//
// # What is compared
//
// The cells are compared as they would be sent. A nil cell is absent, which
// differs from an empty one. Columns have names, and their order does not matter.
// When the columns differ from those of the last snapshot, a new column counts as
// changed in every record that has a non-empty cell in it, and a column that is
// gone is forgotten. A record that keeps its earlier state, for example because it
// was rejected, is remembered with an empty cell in each new column.
//
// # Two steps
//
// [Run.Stage] writes a candidate that is durable but not current;
// [Store.Publish] makes it current, if the snapshot it was computed from still
// is (compare and swap). Publish may be repeated, and called by any process. As
// long as a candidate is published only after its changes were delivered, no
// change is lost.
//
// # Files
//
// In the directory of a store, all of them readable by their owner alone:
//
//	snapshot.current      the last published snapshot
//	snapshot.staged-ID    a candidate that waits for Publish or Discard
//	snapshot.records-ID   the records of a snapshot that is two files, see below;
//	                      removed when no snapshot names it any more
//	snapshot.tmp-ID       a file being written, or records that wait for Compare;
//	                      removed by the next run
//	snapshot.key          the digest key, unless the caller brings one
//	snapshot.key.tmp-TEXT the key being written; removed by the next run
//	snapshot.lock         locked while a Store is open; names the holder
//
// A snapshot of more than 10,000 records is two files: a file of records, which
// holds all of them, and a file of changes (snapshot.current or
// snapshot.staged-ID), which names the file of records and says what has changed
// since that was written. Several snapshots share one file of records, so a run
// writes little when little has changed. Once the changes are more than a quarter
// of the records, or after thirty runs, the next run writes a new file of records;
// until then, the old one still has the digests of records that are gone. A copy
// of a snapshot needs both files.
//
// The records that wait for Compare are in a file without a name, except on
// Windows, where an open file can not lose its name. A read-only store keeps them
// in the temporary directory of the operating system.
//
// A store never touches a file of another name. A snapshot that is damaged,
// truncated, foreign or of a newer version is refused by name and left as it
// is. A name that is a symbolic link out of the directory is refused as well.
//
// # Format of a snapshot
//
// All files of a snapshot have this format. Integers are little endian, checksums
// are CRC-32C. A partition is the records whose key digests share their first bits.
// The records of a partition stand together, in no particular order, and the
// partitions follow each other in ascending order.
//
//	header  0  8  magic "spsnap\r\n"
//	        8  2  version, 1
//	       10  1  digests: 1 = SipHash-2-4 as below
//	       11  1  partition bits, 0 to 16
//	       12  2  columns C, 0 to 256
//	       14  2  length L of the scope
//	       16 16  id
//	       32 16  id of the snapshot it was computed from; zero for the first
//	              snapshot, and in a file of records
//	       48 16  in a file of changes, the id of its file of records; otherwise
//	              zero: all records are in this file
//	       64 16  check value of the digest key
//	       80  8  check value of the Rendering, zero without one
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
//	              the row was reported as bad since it changed, 0 to 7; 64, in a file
//	              of changes only: the record was removed
//	       25  8  text digest, 0 for none
//	       33  1  number of the note, from 1 on; 0 for none
//	       34 4C  column digests
//	        +  4  in a file of changes, the number of the record in the file of records
//	              that this one replaces, from 1 on; 0 if it replaces none
//	texts   0  4  0xFFFFFFFE
//	        4  4  texts n
//	        8  4  checksum of id, number of the block, bytes 0 to 8, texts
//	       12  .  n texts of 12 bytes, in ascending order
//	text    0  8  text digest, big endian
//	        8  4  number of the record, from 0 on; times 2^30: 1 unconfirmed, 2 noted
//	end     0  4  0xFFFFFFFF
//	        4  4  number of blocks of records
//	        8  8  records in them
//	       16  8  records of the snapshot, 8 unconfirmed, 8 due
//	       40  8  texts
//	       48  8  offset of their first block, or of the end record
//	       56  8  how many snapshots, up to this one, were computed since the file of
//	              records was written
//	       64  2  notes N, 0 to 255
//	       66  .  N times: 2 bytes length, note; one that is empty is not in use
//	        +  8  offset of the end record
//	        +  4  checksum of id and everything of the end record before
//	        +  8  "spsnend\n", the last bytes of the file
//
// Only a file of records has blocks of texts. They follow its blocks of records, and
// continue their numbering. They repeat the text digests of its records, except of
// records that are due or whose row digest is unknown. A file of records has no notes:
// its records refer to the notes of snapshot.current or snapshot.staged-ID.
//
// A file without its end record is truncated, never a short success.
//
// # Digests
//
// From the digest key (32 random bytes, or the caller's) HKDF-SHA256 derives 16
// bytes for each purpose, without a salt and with the info "spliosync/diff 1 "
// followed by the purpose: "key", "row", "column", "check" or "text". All digests
// are SipHash-2-4:
//
//   - A key digest has 128 bits. It is computed over the key.
//   - A row digest has 64 bits. It is computed over the key digest and all cells in
//     the order of the columns.
//   - A column digest is the low 32 of 64 bits, computed over the key digest, the
//     length of the column's name, the name and the cell.
//   - A text digest has 64 bits. It is computed over the text, under a key that HKDF
//     derives in the same way, with the 16 bytes of the purpose "text" in place of
//     the digest key, and "text " followed by the Rendering as the purpose. The 8
//     bytes after that key are the check value of the Rendering.
//
// An absent cell is written as a byte 0, any other cell as a byte 1, its length and
// its bytes. Lengths are unsigned varints.
//
// Equal values in two records therefore look unrelated, and without the digest key
// nobody can test a guess: SipHash is a pseudo-random function under a secret key.
// A backup that holds the digest key beside the snapshot loses this protection.
//
// Each time that a changed row is compared, it is missed with probability 2^-64:
// that of two messages, be they cells or texts, having the same 64 bits under a
// secret key. With a billion changed rows a day, the probability of missing one in a
// thousand years is 2e-5, and nobody without the key can increase it. In a row that
// differs, a changed column is left out of the set with probability 2^-32; a changed
// row with no column in its set counts as changed in all of them. In two cases the
// column digests alone decide, with probability 2^-32 for each changed cell: for a
// record that kept its state while the columns changed, and in a run that lacks a
// column of the last snapshot. Among a hundred million keys, two share a digest with
// probability 1.5e-23.
//
// SipHash was chosen as the fastest keyed function, rows and cells taken together,
// on messages as short as these. Measured on one processor, a row of 108 bytes takes
// SipHash-2-4 (github.com/dchest/siphash) 47 ns, HighwayHash 44, keyed BLAKE3 173
// and HMAC-SHA256 194; a cell of 10 bytes takes them 16, 54, 91 and 160. Functions
// that are faster still take a seed in place of a secret key.
//
// # Memory and temporary files
//
// A run holds as much as [RunOptions.Memory] says. The digests of the records that
// are put wait for Compare in memory. What exceeds their part of it goes to a
// temporary file, sorted by partition in lots of some megabytes. In such files (each
// kind of entry has one of its own),
//
//   - a record takes 32 bytes and 4 for each column, and up to 8 more when the
//     columns differ from those of the last snapshot;
//   - where [RunOptions.Again] applies and the run is not by text, a record takes 32
//     bytes, and one that is put again another 32 and 4 for each column;
//   - with a [RunOptions.Rendering], each of these takes 9 bytes more;
//   - a known key takes 16 bytes, and a text of a new file of records 12;
//   - a last snapshot with too few partitions for the records of today, which is
//     seldom, is partitioned again in another file of its size.
//
// Temporary files hold digests, never values. They are neither synced nor
// checksummed, since they do not outlive the run. When the disk is full, Put or
// Compare fails, and the store is as it was.
//
// Compare knows how many records there are. It chooses a number of partitions that
// suits them and the budget, and the next snapshot is written with that number. Each
// partition is joined by itself in memory, several at once, while the last snapshot
// is read and the next one written in one sequential pass. Duplicates of a key take
// no memory in the join, however many there are. The outcome depends neither on the
// budget nor on the number of workers nor on the digest key.
//
// Most of the time is spent in Put, and there, without Again, in the digests of the
// columns. Feeds in several goroutines share this work. Compare reads the last
// snapshot and the temporary file (with Again, twice), and writes what has changed or
// the whole next snapshot.
//
// # Runs by text
//
// A run that is [Run.ByText] holds the text digests of the last snapshot in memory, in
// some 3.5 to 6 bytes each: the first bits of a digest choose its bucket, and 24 to 40
// of the following bits are kept there. Digests of which the same bits would be kept
// count as not known. A record whose text is found is taken as unchanged: neither its
// key nor its cells are looked at. That is right unless one text was mistaken for
// another, or another record has the same key.
//
// A mistaken text shows in sums. The whole digests of all texts that were found are
// added up, in 4,096 sums, and Compare adds up the digests in the last snapshot of the
// records that count as found. If a text was mistaken, the sums that it is part of
// differ, except with probability 2^-64, and all records that are part of these sums
// are put after all.
//
// Another record with the same key shows in Compare, which knows the keys of all
// records that were put. If both have the same text, they are identical, and the
// second counts as duplicate; a text that is found a third time, or a second time with
// [RunOptions.Keys], has its records put.
//
// When records have to be put after all, Again is called, Known says which records they
// are, and Compare starts over.
//
// Such a run costs little more than the digest of each text and reading the last
// snapshot. It spills nothing as long as little has changed. When the first million
// texts that were looked for include none that is known, the run stops looking, and
// all records are put. [RunOptions.Rendering] says when a run is by text.
//
// # Sets of changed columns
//
// A run tells at most 4,096 different sets of changed columns apart, see
// [Change.Columns].
//
// # Versions of the format
//
// A snapshot of a newer version is left untouched and refused with [ErrVersion]. Every
// version of this package reads the formats of all earlier versions, and writes the
// newest: the first run after an upgrade replaces the snapshot anyway. After that, the
// older version of the package can not use the store. Snapshots of each version of the
// format are kept in testdata, and a test continues from them.
//
// # Erasure
//
// [Store.Forget] removes the records of keys, and writes the rest into new files. The
// digest of a key reveals nothing about it without the digest key, but anyone who has
// both can test a guess.
//
// # Durability
//
// Publish assumes that fsync of a file and of its directory makes them
// durable, and that rename is atomic.
//
// # Locks and network file systems
//
// The lock is an advisory lock of the operating system on snapshot.lock: flock,
// or LockFileEx on Windows. It ends with its process, and a snapshot.lock that is
// left over locks nothing. Where the file system reports that it has no locks
// (ENOLCK, ENOSYS, EOPNOTSUPP), Open fails and says so.
//
// Keep a store on a local disk. On NFS, Linux turns flock into a lock on the server,
// which keeps out other machines as long as the server grants locks at all: version
// 4, or version 3 with a lock service on both sides. This package can not detect
// whether it does: with the mount options nolock or local_lock=flock the lock is
// granted, but holds on one machine only. Nor can it detect that a lock was lost,
// because the server restarted or the machine was cut off for longer than its lease.
// File systems in user space (FUSE) by default grant flock on one machine only, even
// where several share the files. Without a lock between machines, Publish still
// refuses a candidate whose base is no longer current, but the check and the
// replacement are two steps. So let only one machine run, or keep the directory on
// its own disk.
package diff
