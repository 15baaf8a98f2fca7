//go:build linux

package crash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestDomain_RemovedWhileSamplesAreHeld(t *testing.T) {
	dir := harness.NewDomain(t)
	sub := harness.StartSubscriber(t, dir, harness.Subscribe{Hold: 5, Progress: 50}).Ready()
	pub := harness.StartPublisher(t, dir, harness.Publish{Subscribers: 1}).Ready()
	sub.NextReport()
	gone := filepath.Join(dir, "gone")
	if err := os.Rename(filepath.Join(dir, "d"), gone); err != nil { // at once, or a process makes a new registry file meanwhile
		t.Fatal(err)
	}
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	sub.Stop()
	sub.Final() // it checks what it holds, and says so
	sub.Finish()
	pub.End()
	pub.Wait() // it may fail, and not crash
	if s := pub.ErrorText(); strings.Contains(s, "panic") || strings.Contains(s, "SIG") {
		t.Error(s)
	}
}
