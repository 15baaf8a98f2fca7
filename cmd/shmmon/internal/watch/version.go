package watch

import (
	"debug/buildinfo"
	"strconv"

	"github.com/shmbus/shmbus/registry"
)

const module = "github.com/shmbus/shmbus"

// version returns the version of shmbus in the executable of a participant, once for each participant. It is empty for a program
// without build information, or of another user.
func (d *Domain) version(p registry.Participant) string {
	if v, known := d.versions[p.ID]; known {
		return v
	}
	v := ""
	if info, err := buildinfo.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/exe"); err == nil {
		if info.Main.Path == module {
			v = info.Main.Version
		}
		for _, dep := range info.Deps {
			if dep.Path == module {
				v = dep.Version
			}
		}
	}
	if d.versions == nil {
		d.versions = make(map[registry.ID]string)
	}
	d.versions[p.ID] = v
	return v
}
