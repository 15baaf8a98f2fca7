//go:build linux

package services

import (
	"strings"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// as makes an attempt as a user, by a process of its own.
func as(w *harness.UserDomain, user harness.User, request any) (a attempt) {
	w.T.Helper()
	c := w.Start(user, request)
	c.Expect(&a)
	c.Finish()
	w.T.Logf("%T by the %s: %+v", request, user.Name, a)
	return a
}

// A client of another user calls a server if the mode of the domain lets it, and the server has its user from the kernel. It has the
// executable from the kernel if the client is of its own user.
func TestMode_OfCalls(t *testing.T) {
	w := harness.NewUserDomain(t, harness.Sticky)
	server := w.Start(harness.Owner(), runningServer{}).Ready()
	for _, user := range []harness.User{harness.Owner(), harness.Member()} {
		a := as(w, user, callAttempt{})
		if a.Error != "" || a.Response.UID != int(user.UID) || a.Response.Executable == "" || a.Response.Proved != (user.UID == harness.Owner().UID) {
			t.Errorf("the %s: %+v", user.Name, a)
		}
	}
	if a := as(w, harness.Outsider(), callAttempt{}); !strings.Contains(a.Error, "permission denied") && !strings.Contains(a.Error, "may not") {
		t.Errorf("the outsider: %+v", a)
	}
	server.Finish()
}

// Rules of the policy say which users may call a service, and which may serve it.
func TestPolicy_OfServices(t *testing.T) {
	w := harness.NewUserDomain(t, harness.Sticky)
	w.Policy("publish $service/robot/identity/request/** user:5001 group:6100\npublish $service/robot/identity/server user:5001\n")
	defer w.Policy("")
	server := w.Start(harness.Owner(), runningServer{}).Ready()
	for _, user := range []harness.User{harness.Owner(), harness.Insider()} {
		if a := as(w, user, callAttempt{}); a.Error != "" || a.Response.UID != int(user.UID) {
			t.Errorf("the %s may call: %+v", user.Name, a)
		}
	}
	a := as(w, harness.Member(), callAttempt{})
	harness.WantParts(t, a.Error, "user 5002", "may not publish", "line 1")
	server.Finish()
	if a := as(w, harness.Owner(), serveAttempt{}); a.Error != "" {
		t.Errorf("the owner may serve: %s", a.Error)
	}
	a = as(w, harness.Insider(), serveAttempt{})
	harness.WantParts(t, a.Error, "user 5004", "may not publish", "line 2")
}
