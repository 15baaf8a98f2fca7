package command

import (
	"errors"

	"github.com/shmbus/shmbus/registry"
)

// whether is what to say behind the name of a domain's directory where that does not exist, and why no program makes it.
func whether(dir string) string {
	missing, err := registry.DomainMissing(dir)
	var why *registry.DirError
	switch {
	case !missing:
		return ""
	case errors.As(err, &why):
		return ", which does not exist, and no program makes it: of " + why.Dir + ", " + why.Reason + "; " + why.Remedy
	}
	return ", which does not exist"
}
