package service_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// setPolicy gives a domain a policy, which counts for participants that join afterwards.
func setPolicy(t *testing.T, p *topic.Participant, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.Dir(), registry.PolicyName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A line of the policy that forbids what a call needs is the error of the calls, at once, of whichever end it forbids.
func TestCall_ForbiddenByThePolicy(t *testing.T) {
	for _, what := range []string{"request", "control", "response"} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			p := join(t, dir)
			server, err := service.NewServer(t.Context(), p, "echo", echo, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			setPolicy(t, p, "publish $service/echo/"+what+"/** user:54321\n")
			_, err = service.NewClient[int, int](t.Context(), join(t, dir), "echo", nil)
			if forbidden := (*topic.ForbiddenError)(nil); !errors.As(err, &forbidden) || !errors.Is(err, service.ErrNoServer) || !strings.Contains(forbidden.Topic, what) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "no server has this name") {
				t.Errorf("a server has the name, and the error is: %v", err)
			}
		})
	}
}

// A server that may not publish responses does not start.
func TestNewServer_ForbiddenByThePolicy(t *testing.T) {
	dir := t.TempDir()
	setPolicy(t, join(t, dir), "publish $service/echo/response/** user:54321\n")
	server, err := service.NewServer(t.Context(), join(t, dir), "echo", echo, nil)
	if err == nil {
		server.Close()
	}
	if !errors.As(err, new(*topic.ForbiddenError)) {
		t.Errorf("%v", err)
	}
	setPolicy(t, join(t, dir), "")
	serve(t, dir, "other", echo, nil)
}
