//go:build linux && !shmbus_failpoints

package crash

import "github.com/shmbus/shmbus/integration/internal/harness"

// failpointRoles are the roles of the tests that kill or stop processes at named steps, which are only in programs built with the tag.
func failpointRoles() []harness.Role { return nil }
