package record

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// ofUnit serves a name with the id of a new participant of a unit, and takes down the requests.
func ofUnit(t *testing.T, o *topic.Options, unit string) (requests func() []int, name string) {
	t.Helper()
	own := *o
	own.Unit = unit
	p := join(t, &own)
	name = "param/" + p.ID().String()
	return served(t, p, name, func(int) error { return nil }), name
}

// The server of a program that was started again is that of the only participant of its unit.
func TestPlay_RequestsToAServerWithItsParticipantInItsName(t *testing.T) {
	o := domain(t)
	_, recorded := ofUnit(t, o, "arm")
	path := filepath.Join(t.TempDir(), "f.mcap")
	rec := start(t, join(t, o), path, RecordOptions{Lossless: true})
	client, err := service.NewClient[target, string](t.Context(), join(t, o), recorded, &service.ClientOptions[target, string]{RequestCodec: jsonTarget})
	must(t, err)
	_, err = client.Call(t.Context(), target{3})
	must(t, err)
	must(t, client.Close())
	rec.stop()

	for name, c := range map[string]struct {
		units   []string
		failure string
	}{
		"started again": {[]string{"other", "arm"}, ""},
		"not there":     {[]string{"other", "leg"}, `none is of the unit "arm"; there are services param/* of the units ["leg" "other"]`},
		"twice":         {[]string{"arm", "arm"}, `2 participants of the unit "arm" have a service param/*`},
		"none":          {nil, `there is no service param/*`},
	} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			got := func() []int { return nil }
			var last string
			for _, unit := range c.units {
				got, last = ofUnit(t, o, unit)
			}
			s, err := Play(t.Context(), join(t, o), path, &PlayOptions{Max: true, Requests: true})
			must(t, err)
			if len(s.Services) != 1 {
				t.Fatalf("%+v", s)
			}
			sum := s.Services[0]
			switch {
			case c.failure != "" && (sum.Sent != 0 || sum.Failed != 1 || !strings.Contains(sum.First, c.failure)):
				t.Errorf("%+v", sum)
			case c.failure == "" && (sum.Answered != 1 || sum.Unit != "arm" || sum.SentTo != last || len(got()) != 1):
				t.Errorf("%+v, the server got %v", sum, got())
			}
		})
	}
}
