package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shmbus/shmbus/registry"
)

// The two domains of a demo: one to record in, one to replay into.
const (
	liveDomain   = "live"
	replayDomain = "replay"
)

// domains is a directory of this run's own, which holds both domains.
type domains struct {
	dir string
}

func makeDomains(parent string) (domains, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return domains{}, err
	}
	dir, err := os.MkdirTemp(parent, "shmbus-demo-")
	if err != nil {
		return domains{}, fmt.Errorf("make a directory for the domains: %w", err)
	}
	return domains{dir: dir}, nil
}

// remove removes both domains and returns what was wrong with them: a participant that is still there, or a file that is
// not one of shmbus's own. Remaining files are removed all the same.
func (d domains) remove() error {
	var errs []error
	for _, domain := range []string{liveDomain, replayDomain} {
		path, err := registry.DomainDir(d.dir, domain)
		if err == nil {
			err = registry.RemoveDomain(path)
		}
		errs = append(errs, err)
	}
	if err := os.Remove(d.dir); err != nil {
		errs = append(errs, err, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}
