package splio

import "fmt"

// String says in a line what was done how often, where and why, as in
//
//	blanked 3: field "mobile": not an international phone number
//
// Without a field it names the attribute, and for the record as a whole neither. It
// holds no value.
func (c RejectionCount) String() string {
	where := "record"
	switch {
	case c.Field != "":
		where = fmt.Sprintf("field %q", c.Field)
	case c.Attribute != "":
		where = fmt.Sprintf("attribute %q", c.Attribute)
	}
	return fmt.Sprintf("%s %d: %s: %s", c.Action, c.Count, where, c.Reason)
}
