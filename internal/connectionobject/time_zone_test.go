package connectionobject

import (
	"testing"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

func TestCheckTimeZone(t *testing.T) {
	t.Parallel()
	for zone, isKnown := range map[string]bool{
		"": true, "UTC": true, "Europe/Berlin": true, "America/Argentina/Buenos_Aires": true, "Etc/GMT+1": true,
		"Europe/Berln": false, "CEST": false, "Mars/Phobos": false,
	} {
		if err := CheckTimeZone(&v1alpha1.SDPConnectionSpec{TimeZone: zone}); (err == nil) != isKnown {
			t.Errorf("%q: %v", zone, err)
		}
	}
}
