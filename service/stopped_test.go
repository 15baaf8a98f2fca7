package service

import (
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// A call waits a limited time for servers that run and do not answer, however many these are.
func TestSilence_OfSeveralServers(t *testing.T) {
	dir := t.TempDir()
	client := newClient(t, dir, "mute")
	for range 2 {
		announce(t, participant(t, dir), "mute", []byte("{")) // only their participants count here
	}
	var silent []registry.Participant
	await(t, "both servers", func() bool {
		silent = nil
		for _, m := range client.servers.MatchedPublishers() {
			silent = append(silent, m.Participant)
		}
		return len(silent) == 2
	})
	var s silence
	for deadline := time.Now().Add(20 * time.Second); s.goesOn(silent[:2:2], registry.Participant{}); time.Sleep(silentInterval) {
		if time.Now().After(deadline) {
			t.Fatal("the call waits without an end")
		}
	}
}
