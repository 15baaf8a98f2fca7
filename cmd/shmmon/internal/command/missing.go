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

// A noDomainError says that a command cannot judge a domain, because it does not exist. A list of what is in it is empty instead.
type noDomainError struct{ dir string }

func (e *noDomainError) Error() string {
	return "no domain is in " + e.dir + whether(e.dir) + "; --dir and --domain say which one is meant"
}
