package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A target is the service that a command calls.
type target struct {
	name string
	service.Description
	only *registry.Participant // its server; nil if it has none, or several
}

// A noServiceError says that no process serves a name.
type noServiceError struct {
	name, dir string
	close     []string // names like it that are served
}

func (e *noServiceError) Error() string {
	s := fmt.Sprintf("no process serves %q in %s; ", e.name, e.dir)
	if len(e.close) > 0 {
		return s + "there is " + listed(e.close)
	}
	return s + "'shmmon services' shows what is served"
}

func (e *noServiceError) Unwrap() error { return service.ErrNoServer }

// find finds the servers of the name.
func (t *target) find(ctx context.Context, a *app, self *topic.Participant) error {
	servers, err := service.Find(ctx, self, t.name)
	switch {
	case err != nil:
		return err
	case len(servers) == 0:
		e := &noServiceError{name: t.name, dir: self.Dir()}
		if v, _, err := a.snapshot(); err == nil {
			e.close = text.Nearest(t.name, serviceNames(v))
		}
		return e
	case len(servers) == 1:
		t.only = &servers[0].Server
	}
	t.Description = servers[0].Description
	return nil
}

// serviceNames returns the names that are served.
func serviceNames(v watch.View) (names []string) {
	for _, t := range v.Topics {
		if name, role, ok := service.ServiceOf(t.Name); ok && role == "server" && len(t.Publishers) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// joinExisting makes this process a member of the domain, which must exist.
func (a *app) joinExisting() (*topic.Participant, error) {
	dir, err := a.CheckedDir()
	if err != nil {
		return nil, err
	}
	if missing, _ := registry.DomainMissing(dir); missing {
		return nil, &noDomainError{dir}
	}
	return a.Join()
}

// encode makes a payload of JSON for the service. Unless unchecked is set it must fit a JSON Schema; without one, a note says what is lost.
func (t *target) encode(ctx context.Context, a *app, kind serde.Type, js []byte, unchecked bool) ([]byte, error) {
	payload, err := a.payloads.FromJSON(kind, js)
	if errors.Is(err, serde.ErrUndecodable) {
		err = fmt.Errorf("no value of encoding %q, which %q takes, can be made of JSON", kind.Encoding, t.name)
	}
	if err == nil && !unchecked {
		if err = checkJSON(ctx, kind, js); err != nil {
			err = fmt.Errorf("%w; --unchecked sends it all the same", err)
		}
	}
	if err != nil {
		return nil, &requestError{err}
	}
	if !unchecked && isUnchecked(kind, js) {
		fmt.Fprintf(a.Stderr, "fields are not checked: the server of %q announces no schema of %s, and drops fields that it does not know\n", t.name, cmp.Or(kind.Name, kind.Encoding))
	}
	return payload, nil
}
