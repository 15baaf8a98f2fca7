package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/group"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A groupReport is a consumer group in JSON.
type groupReport struct {
	Topic       string         `json:"topic"`
	Group       string         `json:"group"`
	Members     int            `json:"members"`
	Pending     uint64         `json:"pending"`     // samples that are not acknowledged
	Outstanding int            `json:"outstanding"` // of these, that a member has
	Redelivered int            `json:"redelivered"` // of these, that a member had before
	MemberList  []memberReport `json:"member_list"`
}

// A memberReport is a member of a consumer group in JSON.
type memberReport struct {
	ID string `json:"id"`
	identityReport
	Unit        string `json:"unit"`
	Executable  string `json:"executable"`
	State       string `json:"state"` // that of the process, or joining
	Outstanding int    `json:"outstanding"`
}

func (a *app) groups() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "groups [TOPIC]",
		Short: "List consumer groups with members, and with samples that are not acknowledged",
		Long: `List consumer groups: members, PENDING samples, which are not acknowledged, those of them that a member has (OUTSTANDING), and those that
a member had before (REDELIVERED). TOPIC may be a pattern: * stands for one segment of a name, ** for any number. It takes no part in the
groups. Only samples of publishers that are there are counted.`,
		Example: `  shmmon groups
  shmmon groups robot/jobs --json
  shmmon groups --watch 2s`,
		Args:              cobra.MatchAll(cobra.MaximumNArgs(1), manyPatterns),
		ValidArgsFunction: a.completeGroups,
	}
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		pattern := strings.Join(append(args, "**")[:1], "")
		v, dir, err := a.snapshot()
		if err != nil {
			return err
		}
		reports := []groupReport{}
		if !v.Missing {
			if reports, err = a.findGroups(cmd.Context(), v, pattern); err != nil {
				return err
			}
		}
		if len(reports) == 0 && len(args) > 0 {
			return fmt.Errorf("no consumer group of topic %q in %s%s; 'shmmon groups' shows those there are", pattern, dir, whether(dir))
		}
		a.warn(v)
		return a.print(table(struct {
			Domain string        `json:"domain"`
			Exists bool          `json:"exists"`
			Groups []groupReport `json:"groups"`
		}{dir, !v.Missing, reports}, reports, func(w io.Writer) error {
			if len(reports) == 0 {
				fmt.Fprintf(a.Stderr, "no consumer groups in %s%s\n", dir, whether(dir))
				return nil
			}
			return groupsGrid(reports).Fit(a.Columns()).Print(w)
		}))
	})
}

func groupsGrid(reports []groupReport) *cli.Grid {
	g := cli.NewGrid("~TOPIC", "~GROUP", "~MEMBER", ">PID", "STATE", ">PENDING", ">OUTSTANDING", ">REDELIVERED")
	for _, r := range reports {
		g.Add(r.Topic, r.Group, "all "+strconv.Itoa(r.Members), "-", "-", text.Count(r.Pending), strconv.Itoa(r.Outstanding), strconv.Itoa(r.Redelivered))
		for _, m := range r.MemberList {
			g.Add(r.Topic, r.Group, m.Unit, strconv.Itoa(m.PID), m.State, "-", strconv.Itoa(m.Outstanding), "-")
		}
	}
	return g
}

// findGroups returns the groups of the topics that a pattern stands for. The view must be older than what members say: what is acknowledged
// after it is not pending in it.
func (a *app) findGroups(ctx context.Context, v watch.View, pattern string) ([]groupReport, error) {
	self, err := a.observer()
	if err != nil {
		return nil, err
	}
	defer self.Close()
	infos, err := group.Find(ctx, self, pattern)
	reports := []groupReport{}
	for i := range infos {
		reports = append(reports, reportGroup(&infos[i], v))
	}
	return reports, err
}

func reportGroup(x *group.Info, v watch.View) groupReport {
	r := groupReport{Topic: x.Topic, Group: x.Group, Members: len(x.Members), MemberList: []memberReport{}}
	published := make(map[topic.PublisherID]uint64)
	t, _ := v.Find(x.Topic)
	for _, p := range t.Publishers {
		published[p.Endpoint.ID] = p.Stats.Messages
	}
	for id, p := range x.Publishers {
		r.Outstanding += p.Outstanding
		r.Redelivered += p.Redelivered
		r.Pending += max(pending(p, published[id]), uint64(p.Outstanding))
	}
	for _, m := range x.Members {
		p := m.Participant
		if i := slices.IndexFunc(v.Participants, func(other registry.Participant) bool { return other.ID == p.ID }); i >= 0 {
			p = v.Participants[i] // with its state
		}
		one := memberReport{p.ID.String(), reportIdentity(p), p.Unit, p.Executable, p.State.String(), m.Outstanding}
		switch {
		case !p.Alive:
			one.State = "dead"
		case !m.Joined && p.State != registry.StateStopped:
			one.State = "joining"
		}
		r.MemberList = append(r.MemberList, one)
	}
	return r
}

// pending is the number of samples of a publisher that are not acknowledged, when it has published so many.
func pending(p group.Progress, published uint64) uint64 {
	if p.First == 0 || published < p.First || published-p.First+1 < p.Acknowledged {
		return 0
	}
	return published - p.First + 1 - p.Acknowledged
}

// completeGroups offers the topics that have groups.
func (a *app) completeGroups(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	v, _, err := a.snapshot()
	if len(args) > 0 || err != nil {
		return nil, none
	}
	var names []string
	for i := range v.Topics {
		if of, _, ok := group.GroupOf(v.Topics[i].Name); ok && strings.HasPrefix(of, prefix) && text.Escape(of) == of {
			names = append(names, of)
		}
	}
	return names, none
}
