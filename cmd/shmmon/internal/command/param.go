package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/param"
)

// A parameterReport is a parameter in JSON.
type parameterReport struct {
	Owner string `json:"owner"` // id
	identityReport
	Unit        string          `json:"unit"`
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Value       json.RawMessage `json:"value"` // bytes in base64
	ReadOnly    bool            `json:"read_only"`
	Description string          `json:"description"`
	Revision    uint64          `json:"revision"`

	shown string
}

func reportParameter(i param.Info) parameterReport {
	r := parameterReport{
		Owner: i.Owner.ID.String(), identityReport: reportIdentity(i.Owner), Unit: i.Owner.Unit, Name: i.Name, Type: i.Value.Kind().String(),
		ReadOnly: i.ReadOnly, Description: i.Description, Revision: i.Revision, shown: i.Value.String(),
	}
	r.Value = json.RawMessage(r.shown)
	if k := i.Value.Kind(); k == param.String || k == param.Bytes || !json.Valid(r.Value) { // infinity and NaN are no JSON
		r.Value, _ = json.Marshal(r.shown) // text always has a JSON form
	}
	return r
}

func (a *app) param() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "param",
		Short: "List, read, set and watch parameters of processes",
		Long: `List, read, set and watch parameters. OWNER is the name of a process's unit, or the id of its participant, as 'shmmon ps' shows them.
Only set joins the domain.`,
	}
	cmd.AddCommand(a.paramList(), a.paramGet(), a.paramSet(), a.paramWatch())
	return cmd
}

// openParameters opens the parameters of a process without taking part in the domain. The caller calls done.
func (a *app) openParameters(ctx context.Context, owner string) (c *param.Client, done func(), err error) {
	self, err := a.observer()
	if err != nil {
		return nil, nil, err
	}
	if c, err = param.Open(ctx, self, owner); err != nil {
		return nil, nil, errors.Join(err, self.Close())
	}
	return c, func() { c.Close(); self.Close() }, nil
}

// parameter returns a parameter of an owner, each of which an error names by what is like it.
func (a *app) parameter(c *param.Client, owner, name string) (param.Info, error) {
	i, err := c.Get(name)
	return i, a.near(c, owner, name, err)
}

// near adds to an error what there is like an owner or parameter that there is not.
func (a *app) near(c *param.Client, owner, name string, err error) error {
	var names []string
	switch {
	case errors.Is(err, param.ErrUnknown):
		list, _ := c.List() // without it, the error has no hint
		for _, i := range list {
			names = append(names, i.Name)
		}
		names = text.Nearest(name, names)
	case errors.Is(err, param.ErrNoOwner):
		if v, _, err := a.snapshot(); err == nil {
			names = text.Nearest(owner, owners(v))
		}
	}
	if len(names) == 0 {
		return err
	}
	return fmt.Errorf("%w; there is %s", err, listed(names))
}

// owners returns the units of the processes that have parameters.
func owners(v watch.View) (units []string) {
	for _, t := range v.Topics {
		for _, p := range t.Publishers {
			if strings.HasPrefix(t.Name, param.Prefix) {
				units = append(units, p.Owner.Unit)
			}
		}
	}
	slices.Sort(units)
	return slices.Compact(units)
}

func (a *app) paramGet() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "get OWNER NAME",
		Short:             "Print the value of a parameter",
		Example:           "  shmmon param get robot arm/speed",
		Args:              cli.Args("OWNER", "NAME"),
		ValidArgsFunction: a.completeOwner,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, done, err := a.openParameters(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer done()
			i, err := a.parameter(c, args[0], args[1])
			if err != nil {
				return err
			}
			return a.printParameter(i)
		},
	}
	return a.tabular(cmd)
}

// printParameter prints the value alone, or all of the parameter as a document or row.
func (a *app) printParameter(i param.Info) error {
	r := reportParameter(i)
	return a.print(table(r, []parameterReport{r}, texts(text.Escape(r.shown)+"\n")))
}

func (a *app) paramSet() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "set OWNER NAME VALUE",
		Short: "Set a parameter, and print its value",
		Long: `Set a parameter, and print its value when the owner has taken it. VALUE is text as it is, bytes in base64, or a list as JSON, by the type
that the parameter has.`,
		Example: `  shmmon param set robot arm/speed 0.5
  shmmon param set robot arm/limits '[1,2.5]'
  shmmon param set robot arm/offset -3`,
		Args:              cli.Args("OWNER", "NAME", "VALUE"),
		ValidArgsFunction: a.completeOwner,
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout <= 0 {
				return cli.Usagef(cmd, "--timeout %v is not more than 0", timeout)
			}
			return a.runParamSet(cmd.Context(), args, timeout)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to wait for the owner")
	return a.tabular(cmd)
}

func (a *app) runParamSet(ctx context.Context, args []string, timeout time.Duration) error {
	self, err := a.joinExisting()
	if err != nil {
		return err
	}
	defer self.Close()
	limit, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := param.Open(limit, self, args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	i, err := a.parameter(c, args[0], args[1])
	if err != nil {
		return err
	}
	v, err := param.Parse(i.Value.Kind(), args[2])
	if err != nil {
		return err
	}
	if err := c.Set(limit, args[1], v); err != nil {
		return interrupted(ctx, err)
	}
	if i, err = c.Get(args[1]); err != nil {
		return err
	}
	return a.printParameter(i)
}

func (a *app) paramWatch() *cobra.Command {
	var n int
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "watch OWNER [NAME...]",
		Short: "Print parameters, and each again when it changes",
		Long: `Print parameters, and each again when it changes, until interrupted or as -n or --duration say. It goes on with an owner that starts
again, if OWNER is the name of its unit.`,
		Example:           "  shmmon param watch robot\n  shmmon param watch robot arm/speed -n 1 --json",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeOwner,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case n < 0:
				return cli.Usagef(cmd, "--count %d is negative", n)
			case duration < 0:
				return cli.Usagef(cmd, "--duration %v is negative", duration)
			}
			return a.runParamWatch(cmd.Context(), args[0], args[1:], n, duration)
		},
	}
	cmd.Flags().IntVarP(&n, "count", "n", 0, "end after so many lines; 0 is until interrupted")
	cmd.Flags().DurationVar(&duration, "duration", 0, "end after this time; 0 is until interrupted")
	return a.tabular(cmd)
}

func (a *app) runParamWatch(ctx context.Context, owner string, names []string, n int, duration time.Duration) error {
	c, done, err := a.openParameters(ctx, owner)
	if err != nil {
		return err
	}
	defer done()
	defer a.Streaming(ctx)()
	limit, cancel := limited(ctx, duration)
	defer cancel()
	printed := 0
	for i, err := range c.Watch(limit) {
		switch {
		case err != nil && limit.Err() != nil && n == 0 && (ctx.Err() == nil || duration == 0):
			return nil // the way it is meant to end
		case err != nil && limit.Err() != nil:
			return fmt.Errorf("interrupted, or the time is over, %d printed", printed)
		case err != nil:
			return err
		case len(names) > 0 && !slices.Contains(names, i.Name):
			continue
		}
		r := reportParameter(i)
		err := a.row(r, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s  %s\n", text.Escape(r.Name), text.Escape(r.shown))
			return err
		})
		if err != nil {
			return err
		}
		if printed++; printed == n {
			return nil
		}
	}
	return nil
}

// completeOwner offers the units of the processes that have parameters.
func (a *app) completeOwner(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	if len(args) > 0 {
		return nil, none
	}
	v, _, err := a.snapshot()
	if err != nil {
		return nil, none
	}
	units := slices.DeleteFunc(owners(v), func(u string) bool { return !strings.HasPrefix(u, prefix) || text.Escape(u) != u })
	return units, none
}
