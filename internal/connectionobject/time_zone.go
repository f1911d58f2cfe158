package connectionobject

import (
	"fmt"
	"time"
	_ "time/tzdata" // which names there are must not depend on the machine

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// CheckTimeZone returns what is wrong with spec.timeZone, which the schema holds to look like a name, and cannot look up.
func CheckTimeZone(spec *v1alpha1.SDPConnectionSpec) error {
	if spec.TimeZone == "" {
		return nil
	}
	if _, err := time.LoadLocation(spec.TimeZone); err != nil {
		return fmt.Errorf("the IANA time zone database has no %q; write a name of it, such as Europe/Berlin, or UTC", spec.TimeZone)
	}
	return nil
}
