package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/registry"
)

// Limits of the list of domains.
const (
	maxEntries   = 4096 // that are looked at
	shownDomains = 8
)

// newDomain returns a line about a domain that does not exist, because nothing else tells that its name is a wrong one. It is empty
// for one that exists.
func (a *app) newDomain() string {
	dir, err := a.DomainDir()
	if err != nil {
		return "" // joining says so
	}
	if missing, _ := registry.DomainMissing(dir); !missing {
		return ""
	}
	there := "there is no other"
	if names := otherDomains(dir); len(names) > 0 {
		more := ""
		if n := len(names) - shownDomains; n > 0 {
			names, more = names[:shownDomains], fmt.Sprintf(" and %d more", n)
		}
		there = "there is " + strings.Join(names, ", ") + more
	}
	return fmt.Sprintf("the domain %s did not exist before; %s; --dir and --domain say which one is meant\n", text.Escape(dir), there)
}

// otherDomains returns the names of the domains beside that in dir, for people.
func otherDomains(dir string) (names []string) {
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return nil
	}
	defer parent.Close()
	entries, err := parent.ReadDir(maxEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	for _, e := range entries {
		info, err := os.Lstat(filepath.Join(parent.Name(), e.Name(), registry.RegistryFile))
		if err == nil && info.Mode().IsRegular() && e.Name() != filepath.Base(dir) {
			names = append(names, text.Escape(e.Name()))
		}
	}
	slices.Sort(names)
	return names
}
