// Package lint checks files against what Splio accepts, before Splio reads them: a
// single file ([File], [Reader]), or all files that wait in a directory ([Dir]).
//
//	for f, err := range lint.File("acme_contacts_crm_20260302.csv", lint.Options{}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(f)
//	}
//
// A [Finding] says where something is wrong, by which rule, and what to do; never
// what a cell holds. The package shares no code with the writer of package splio, so
// that each can reveal errors of the other.
//
// Files of the scope contacts are checked completely. Of files of deletecontacts,
// whose columns are not public, and of Splio's other scopes, only the name, the bytes
// and the shape (lines, quotes, number of values) are checked.
//
// # Rules
//
// An error is something that Splio would skip, or that would do harm. A warning is
// something that may be right in your universe, or of which nobody knows what Splio
// makes of it. Each rule is described by what it demands. Its confidence is that of
// the given section of splio/FORMAT.md, which names the sources.
//
//	rule               severity  confidence  section
//	file-name          error     documented  1   four parts, joined with _: universe, scope, sub-sequence, date
//	file-extension     error     documented  1   ends in .csv, in lower case
//	file-scope         error     documented  1   a scope of Splio's, in lower case
//	file-date          error     documented  1   a day that exists, as YYYYMMDD
//	file-universe      warning   inferred    1   the universe is letters, digits, _ and -
//	file-subsequence   warning   inferred    1   the sub-sequence is letters and digits
//	file-suffix        warning   unknown     1   nothing stands behind the date
//	compressed         error     unknown     2   the file is not compressed
//	bom                error     documented  2   no byte order mark
//	encoding           error     documented  2   UTF-8
//	separator          error     documented  2   columns are separated by ;
//	multi-line         error     documented  2   a value does not span lines
//	field-count        error     documented  2   as many values as columns
//	line-limit         error     documented  2   at most 200,000 lines, 100,000 of deletecontacts
//	line-limit-header  warning   unknown     2   the header counts as a line
//	long-line          error     inferred    2   no line of more than 1 MiB: the rest is not checked
//	control            error     inferred    2   no control characters
//	quote              error     inferred    2   quotes surround a value, and are doubled within
//	backslash-quote    warning   unknown     2   no backslash before a quote
//	crlf               warning   unknown     2   lines end in LF
//	final-newline      warning   unknown     2   the last line has an end; with Options.Strict
//	empty-file         error     documented  3   there is a header
//	no-rows            warning   inferred    6   there are rows
//	blank-line         warning   unknown     2   no blank lines
//	header             error     documented  3   the first line has names of columns
//	duplicate-column   error     documented  3   a name is there once
//	column-case        error     documented  3   names are spelt with their own case: dateOfCreation
//	column-spelling    warning   inferred    3   a name is not nearly one of Splio's
//	column-name        error     documented  5   a name without accents and spaces
//	reserved-column    error     documented  5   a name that Splio does not reserve
//	unverified-column  error     documented  5   a custom column is declared, if Options.Custom declares any
//	missing-key        error     documented  4.1 the key column is there
//	both-keys          error     documented  4.1 no customer_key where the e-mail is the key
//	key-empty          error     inferred    6   each row has a key
//	key-space          error     inferred    4.1 a key has no spaces at its ends
//	duplicate-key      error     unknown     6   a key is there once
//	similar-key        warning   unknown     6   keys differ in more than case
//	shared-key         warning   inferred    2   files of one day and universe share no key; with Dir
//	too-long           error     documented  4   keys and e-mails 100 characters, texts 255, phone numbers 30
//	email-case         error     documented  4   e-mails are in lower case
//	email              error     inferred    4   an e-mail is one
//	language           error     documented  4.5 one of seventeen codes
//	phone              warning   documented  4.4 00, country code, number, digits only
//	date               error     inferred    4.2 the day and the time exist
//	date-form          warning   inferred    4.2 YYYY-MM-DD HH:MM:SS or YYYY-MM-DD
//	zero-date          warning   unknown     4.2 no date is an empty cell
//	number             error     inferred    5   digits with a dot, no exponent; whole where declared so
//	lists-sign         error     observed    4.3 an id has a sign
//	lists-form         error     observed    4.3 signed ids with a comma between, no spaces
//	lists-range        error     inferred    4.3 ids are 0 to 63
//	lists-twice        error     inferred    4.3 an id is there once
//	edge-space         warning   unknown     2   an unquoted value has no spaces at its ends
//	null               warning   unknown     6   no cell reads NULL
//	formula            warning   inferred    4   no text that a spreadsheet would run
package lint
