//go:build linux

package registry

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Processes join, advertise, withdraw and leave without pause, and are killed in between. The watchers report the end of each,
// without a scan of their own, and report nothing that contradicts an earlier report.
func TestRegistry_ConvergesAfterKills(t *testing.T) {
	dir := domain(t)
	watchers := []*watcher{watch(t, dir), watch(t, dir)}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for range 8 {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), "SHMBUS_TEST_CHURN="+dir)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Error(err)
					return
				}
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				out.Read(make([]byte, 1)) // it has begun
				time.Sleep(time.Duration(rand.IntN(int(20 * time.Millisecond))))
				cmd.Process.Kill()
				cmd.Wait()
			}
		})
	}
	group.Wait()
	last := watch(t, dir) // after all that the killed processes may have announced
	for _, w := range watchers {
		present, endpoints := map[ID]bool{}, map[EndpointID]bool{}
		deadline := time.After(long)
		for settled := false; !settled; {
			select {
			case c := <-w.changes:
				id := c.Participant.ID
				switch c.Kind {
				case Joined:
					if present[id] {
						t.Fatalf("%v joined twice", id)
					}
					present[id] = true
				case Left, Died:
					if !present[id] {
						t.Fatalf("%v %v and had not joined", id, c.Kind)
					}
					delete(present, id)
				case Added, Removed:
					if endpoints[c.Endpoint.ID] == (c.Kind == Added) || !present[id] {
						t.Fatalf("%v of %v, which was there: %v, its participant: %v", c.Kind, c.Endpoint.ID, endpoints[c.Endpoint.ID], present[id])
					}
					if endpoints[c.Endpoint.ID] = true; c.Kind == Removed {
						delete(endpoints, c.Endpoint.ID)
					}
				case Updated:
				default:
					t.Fatalf("%v of %v: %v", c.Kind, id, c.Err)
				}
			case <-deadline:
				t.Fatalf("%d participants and %d endpoints are still said to be there", len(present), len(endpoints))
			}
			settled = len(present) == len(watchers)+1 && present[last.ID()] && len(endpoints) == 0
		}
	}
}
