package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/param"
)

func (a *app) paramList() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "list [OWNER]",
		Short:             "List the parameters of one process or of all",
		Example:           "  shmmon param list\n  shmmon param list robot --json",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeOwner,
	}
	return a.repeatable(cmd, func(cmd *cobra.Command, args []string) error {
		v, dir, err := a.snapshot()
		if err != nil {
			return err
		}
		reports := []parameterReport{}
		switch {
		case len(args) == 0 && !v.Missing:
			reports, err = a.allParameters(cmd.Context())
		case v.Missing && len(args) > 0:
			err = fmt.Errorf("no process %q in %s%s", args[0], dir, whether(dir))
		case len(args) > 0:
			reports, err = a.parametersOf(cmd.Context(), args[0])
		}
		if err != nil {
			return err
		}
		return a.printParameters(dir, reports)
	})
}

func (a *app) printParameters(dir string, reports []parameterReport) error {
	return a.print(table(struct {
		Domain     string            `json:"domain"`
		Parameters []parameterReport `json:"parameters"`
	}{dir, reports}, reports, func(w io.Writer) error {
		if len(reports) == 0 {
			fmt.Fprintf(a.Stderr, "no parameters in %s%s\n", dir, whether(dir))
			return nil
		}
		g := cli.NewGrid("~UNIT", ">PID", "~NAME", "~TYPE", "~VALUE", "~DESCRIPTION")
		for _, r := range reports {
			kind := r.Type
			if r.ReadOnly {
				kind += ", read only"
			}
			shown := r.shown
			if len(shown) > shortText {
				shown = abbreviate(shown, shortText)
			}
			g.Add(r.Unit, strconv.Itoa(r.PID), r.Name, kind, shown, r.Description)
		}
		return g.Fit(a.Columns()).Print(w)
	}))
}

// parametersOf returns the parameters of one process.
func (a *app) parametersOf(ctx context.Context, owner string) ([]parameterReport, error) {
	c, done, err := a.openParameters(ctx, owner)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := c.List()
	err = a.near(c, owner, "", err)
	reports := []parameterReport{}
	for _, i := range list {
		reports = append(reports, reportParameter(i))
	}
	return reports, err
}

// allParameters returns those of all processes, by unit, id and name.
func (a *app) allParameters(ctx context.Context) ([]parameterReport, error) {
	self, err := a.observer()
	if err != nil {
		return nil, err
	}
	defer self.Close()
	newest := make(map[string]parameterReport)
	for i, err := range param.Find(ctx, self) {
		if err != nil {
			return nil, err
		}
		newest[i.Owner.Unit+"\x00"+i.Owner.ID.String()+"\x00"+i.Name] = reportParameter(i)
	}
	reports := []parameterReport{}
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		reports = append(reports, newest[key])
	}
	return reports, nil
}
