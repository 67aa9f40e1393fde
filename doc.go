// Package spliosync is the front door of a library that keeps the contacts of a
// Splio universe in step with a segment of a company's own data. It maps the
// segment's fields to contact attributes, finds what changed since the last
// delivered run, writes import files that Splio accepts, and delivers them over
// SFTP without losing or half-sending anything. The package itself is empty;
// the work is done by four others.
//
// # A tour
//
// A mapping is plain data: which field of the segment feeds which attribute.
//
//	m := mapping.Mapping{
//		Key:    mapping.Field{From: "email", To: "email"},
//		Fields: []mapping.Field{{From: "first_name", To: "firstname"}, {From: "signup", To: "dateOfCreation"}},
//		Custom: []string{"loyalty_tier", "points"},
//	}
//
// A client delivers files into one directory of one server, whose host key is
// always checked.
//
//	client, err := sftpx.New(sftpx.Config{
//		Addr: "sftp.splio.com", User: "acme", Password: password,
//		KnownHosts: "/etc/acme/known_hosts", Dir: "/imports",
//	})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
// An activation puts them together with a directory that remembers what was
// delivered.
//
//	activation := splio.Activation{
//		Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
//		Mapping:     m,
//		State:       "/var/lib/acme/splio",
//		Insert:      true,
//	}
//
// A run takes the whole segment, sends the rows that are new or changed, and
// reports.
//
//	report, err := activation.Run(ctx, source.CSVFile("segment.csv", source.CSVOptions{}), client)
//	if err != nil {
//		return err // nothing is forgotten: the next run goes on from here
//	}
//	fmt.Println(report.Inserted, "inserted,", report.Updated, "updated,", report.Rejected, "rejected")
//
// # The packages
//
//   - [github.com/spliosync/spliosync/mapping] renders records: types,
//     policies, transforms, rejections.
//     [github.com/spliosync/spliosync/mapping/source] reads them from CSV,
//     NDJSON, SQL rows, structs and maps, and
//     [github.com/spliosync/spliosync/mapping/mappingtest] tests a mapping.
//   - [github.com/spliosync/spliosync/diff] remembers what was delivered, as
//     keyed digests, and tells what changed.
//   - [github.com/spliosync/spliosync/splio] knows what Splio accepts, plans
//     files and delivers them.
//   - [github.com/spliosync/spliosync/sftpx] has the transports: SFTP, a local
//     directory, memory. [github.com/spliosync/spliosync/sftpx/sftpxtest] has a
//     suite for transports and an SFTP server for tests.
//
// Each can be used alone. The programs below examples are there to start from:
// quickstart tells the whole story in one command, csvsync is a command line
// tool.
package spliosync
