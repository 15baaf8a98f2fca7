package command

import (
	"fmt"
	"io"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

// An identityReport identifies a process. The kernel says uid, gid and pid_proof; the pid is the process's own word, of which
// pid_proof says what the kernel knows.
type identityReport struct {
	PID   int               `json:"pid"`
	Proof registry.PIDCheck `json:"pid_proof"`
	UID   int               `json:"uid"`
	GID   int               `json:"gid"`
}

func reportIdentity(p registry.Participant) identityReport {
	return identityReport{PID: p.PID, Proof: p.PIDCheck, UID: p.UID, GID: p.GID}
}

// userOf names a user as people do, by the user database of this machine.
func userOf(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

// pidOf marks a pid for which the kernel does not vouch at all.
func pidOf(p registry.Participant) string {
	if p.Alive && p.PIDCheck == registry.PIDUnverified {
		return strconv.Itoa(p.PID) + "?"
	}
	return strconv.Itoa(p.PID)
}

type participantReport struct {
	ID string `json:"id"`
	identityReport
	Unit          string   `json:"unit"`
	Executable    string   `json:"executable"`
	Alive         bool     `json:"alive"`
	State         string   `json:"state"`
	Uptime        *float64 `json:"uptime_s"`
	Publishers    int      `json:"publishers"`
	Subscriptions int      `json:"subscriptions"`
	Shared        int64    `json:"shared"` // bytes of its files in the domain
	Memory        uint64   `json:"memory"` // of these, in its publishers' slots
}

func reportParticipant(p watch.Process, stats registry.Stats, now int64) participantReport {
	r := participantReport{
		ID: p.ID.String(), identityReport: reportIdentity(p.Participant), Unit: p.Unit, Executable: p.Executable, Alive: p.Alive,
		State: p.Participant.State.String(), Uptime: age(int64(p.Since), now), Publishers: p.Publishers, Subscriptions: p.Subscriptions, Shared: p.Shared,
	}
	if !p.Alive {
		r.State = "dead"
	}
	for _, e := range p.Endpoints {
		if e.Kind == registry.KindPublisher {
			r.Memory += stats.Publishers[e.ID].Memory
		}
	}
	return r
}

func (a *app) ps() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the processes of the domain",
		Long: `List the processes of the domain, with dead ones whose files are not removed yet. USER is, as the kernel says, the
owner of its file. PID is what the process says; with a question mark the kernel does not confirm it: there is no process
of that user with this pid and start to be seen from here, as with one in another pid namespace. A process
that a signal or a debugger stopped is shown as stopped: it is alive, and nothing of it is removed. PUBS and SUBS are publishers and
subscriptions, with --all also those of services and parameters. SHARED is the shared memory that its files take.`,
		Example: "  shmmon ps\n  shmmon ps --json",
		Args:    cli.Args(),
	}
	allFlag(cmd, &all)
	return a.repeatable(cmd, func(*cobra.Command, []string) error {
		source, dir, err := a.open()
		if err != nil {
			return err
		}
		defer source.Close()
		s, err := source.Snapshot()
		if err != nil {
			return err
		}
		v := watch.NewTracker(nil).Add(s)
		if !all {
			v = v.ForApplications()
		}
		var processes watch.Processes
		reports := []participantReport{}
		for _, p := range processes.Of(v, source.Inspect(v.Participants, watch.WantMemory)) {
			reports = append(reports, reportParticipant(p, v.Stats, v.At))
		}
		problems := make([]string, len(v.Problems))
		for i, p := range v.Problems {
			problems[i] = p.Error()
		}
		if !a.JSON {
			a.warn(v)
		}
		return a.print(table(struct {
			Domain       string              `json:"domain"`
			Exists       bool                `json:"exists"`
			Participants []participantReport `json:"participants"`
			Problems     []string            `json:"problems"`
		}{dir, !v.Missing, reports, problems}, reports, func(w io.Writer) error {
			if len(reports) == 0 {
				fmt.Fprintf(a.Stderr, "no processes in %s%s\n", dir, whether(dir))
				return nil
			}
			g := cli.NewGrid(">PID", "USER", "~UNIT", "ALIVE", ">UP", ">PUBS", ">SUBS", ">SHARED", "ID", "~EXECUTABLE")
			for i, r := range reports {
				alive := "yes"
				if p := v.Participants[i]; !p.Alive || p.State == registry.StateStopped || p.State == registry.StateEnded {
					alive = r.State
				}
				g.Add(pidOf(v.Participants[i]), userOf(r.UID), r.Unit, alive, text.Duration(v.At-int64(v.Participants[i].Since)), strconv.Itoa(r.Publishers),
					strconv.Itoa(r.Subscriptions), text.Bytes(uint64(max(0, r.Shared))), r.ID, r.Executable)
			}
			return g.Fit(a.Columns()).Print(w)
		}))
	})
}
