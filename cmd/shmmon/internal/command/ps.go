package command

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

type participantReport struct {
	ID            string   `json:"id"`
	PID           int      `json:"pid"`
	Unit          string   `json:"unit"`
	Executable    string   `json:"executable"`
	Alive         bool     `json:"alive"`
	Uptime        *float64 `json:"uptime_s"`
	Publishers    int      `json:"publishers"`
	Subscriptions int      `json:"subscriptions"`
	Memory        uint64   `json:"memory"` // bytes of its publishers' rings and slots
}

func reportParticipant(p registry.Participant, now int64) participantReport {
	r := participantReport{ID: p.ID.String(), PID: p.PID, Unit: p.Unit, Executable: p.Executable, Alive: p.Alive, Uptime: age(p.Since, now)}
	for _, e := range p.Entities {
		if e.Kind == registry.KindPublisher {
			r.Publishers++
			r.Memory += e.Publisher.Memory
		} else {
			r.Subscriptions++
		}
	}
	return r
}

func (a *app) ps() *cobra.Command {
	return &cobra.Command{
		Use:   "ps",
		Short: "List the processes of the domain",
		Long: `List the processes of the domain, the dead included whose files nobody has removed yet. PID is what the process says;
in another pid namespace it is another process's.`,
		Example: "  shmmon ps\n  shmmon ps --json",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			source, dir, err := a.open()
			if err != nil {
				return err
			}
			defer source.Close()
			s, err := source.Look()
			if err != nil {
				return err
			}
			reports := make([]participantReport, len(s.Participants))
			for i, p := range s.Participants {
				reports[i] = reportParticipant(p, s.At)
			}
			if a.json {
				problems := make([]string, len(s.Problems))
				for i, p := range s.Problems {
					problems[i] = p.Error()
				}
				return a.document(struct {
					Domain       string              `json:"domain"`
					Participants []participantReport `json:"participants"`
					Problems     []string            `json:"problems"`
				}{dir, reports, problems})
			}
			a.warn(watch.View{Problems: s.Problems})
			g := &grid{heads: []string{">PID", "UNIT", "ALIVE", ">UP", ">PUBS", ">SUBS", ">MEMORY", "ID", "EXECUTABLE"}}
			for i, r := range reports {
				alive := "yes"
				if !r.Alive {
					alive = "dead"
				}
				g.add(strconv.Itoa(r.PID), text.Escape(r.Unit), alive, text.Duration(s.At-s.Participants[i].Since), strconv.Itoa(r.Publishers),
					strconv.Itoa(r.Subscriptions), text.Bytes(r.Memory), r.ID, text.Escape(r.Executable))
			}
			return g.print(a.stdout)
		},
	}
}
