module github.com/spliosync/spliosync/mapping/phone

go 1.26.0

require (
	github.com/nyaruka/phonenumbers v1.8.1
	github.com/spliosync/spliosync v0.0.0-00010101000000-000000000000
)

require (
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)

// In a clone, the two modules are built together.
replace github.com/spliosync/spliosync => ../..
