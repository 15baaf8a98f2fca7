package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/record/control"
)

func (a *app) ctl() *cobra.Command {
	var pid int
	var timeout, wait time.Duration
	cmd := &cobra.Command{
		Use:   "ctl [COMMAND [ARGUMENT]...]",
		Short: "List and control the recorders and players that run in the domain",
		Long: `ctl without a command, or with list, lists the recorders and players of this user in the domain, and their commands. Any
other command goes to the one that has it. If several have it, --pid chooses.

The command ends when the recorder or player has executed it. Its result, if there is one, is printed.`,
		Example: `  shmrec ctl
  shmrec ctl status --json
  shmrec ctl pause
  shmrec ctl rate 0.5
  shmrec ctl seek 90s
  shmrec ctl step 1 camera --pid 4711`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if timeout <= 0 || wait < 0 || pid < 0 {
				return cli.Usagef(cmd, "--timeout must be greater than 0, and --wait and --pid not be negative")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout+wait)
			defer cancel()
			if len(args) == 0 || args[0] == "list" {
				if len(args) > 1 {
					return cli.Usagef(cmd, "%q is one argument too many: list has none", args[1])
				}
				return a.listServers(ctx)
			}
			return a.sendCommand(ctx, pid, wait, args[0], args[1:])
		},
	}
	f := cmd.Flags()
	f.IntVar(&pid, "pid", 0, "the process id of the recorder or player")
	f.DurationVar(&wait, "wait", 0, "wait this long for a recorder or player that has the command")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	return cmd
}

// servers connects to all recorders and players of the domain, and says how many do not answer.
func (a *app) servers(ctx context.Context) (clients []*control.Client, dir string, err error) {
	if dir, err = a.DomainDir(); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	clients, silent, err := control.List(ctx, dir)
	if len(silent) > 0 {
		fmt.Fprintf(a.Stderr, "no answer from %d in %s: a process may be stopped\n", len(silent), dir)
	}
	return clients, dir, err
}

func closeAll(clients []*control.Client) {
	for _, c := range clients {
		c.Close()
	}
}

// A serverLine is what list prints of a recorder or player.
type serverLine struct {
	control.Description
	Status json.RawMessage `json:"status,omitempty"`
}

func (a *app) listServers(ctx context.Context) error {
	clients, dir, err := a.servers(ctx)
	if err != nil {
		return err
	}
	defer closeAll(clients)
	lines := []serverLine{}
	g := cli.NewGrid(">PID", "KIND", "STATE", "FILE", "COMMANDS")
	for _, c := range clients {
		d := c.Description
		status, err := c.Do(ctx, "status")
		if err != nil && !errors.As(err, new(*control.AnswerError)) {
			continue // it ended meanwhile
		}
		lines = append(lines, serverLine{d, status})
		var s struct{ State string }
		_ = json.Unmarshal(status, &s) // a status without a state has none to show
		g.Add(strconv.Itoa(d.PID), d.Kind, s.State, d.Path, strings.Join(d.Names(), " "))
	}
	if a.JSON {
		return a.Document(lines)
	}
	if len(lines) == 0 {
		fmt.Fprintf(a.Stderr, "no recorder or player of this user answers in %s\n", dir)
		return nil
	}
	return g.Print(a.Stdout)
}

// retryInterval is the time between two attempts to find a recorder or player.
const retryInterval = 50 * time.Millisecond

func (a *app) sendCommand(ctx context.Context, pid int, wait time.Duration, command string, arguments []string) error {
	for end := time.Now().Add(wait); ; time.Sleep(retryInterval) {
		clients, dir, err := a.servers(ctx)
		if err != nil {
			return err
		}
		c, err := choose(clients, pid, command)
		if err == nil {
			defer closeAll(clients)
			return a.execute(ctx, c, command, arguments)
		}
		closeAll(clients)
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("%s: %w in %s", command, err, dir)
		}
	}
}

func (a *app) execute(ctx context.Context, c *control.Client, command string, arguments []string) error {
	result, err := c.Do(ctx, command, arguments...)
	if err != nil {
		return fmt.Errorf("the %s with process id %d: %w", c.Description.Kind, c.Description.PID, err)
	}
	return a.printResult(result)
}

// choose returns the client that a command is for.
func choose(clients []*control.Client, pid int, command string) (*control.Client, error) {
	candidates := slices.DeleteFunc(slices.Clone(clients), func(c *control.Client) bool {
		return pid != 0 && c.Description.PID != pid || !slices.Contains(c.Description.Names(), command)
	})
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	var running []string
	for _, c := range clients {
		running = append(running, fmt.Sprintf("%s %d (%s)", c.Description.Kind, c.Description.PID, strings.Join(c.Description.Names(), ", ")))
	}
	switch {
	case len(running) == 0:
		return nil, errors.New("no recorder or player of this user answers")
	case len(candidates) == 0 && pid != 0:
		return nil, fmt.Errorf("no process %d has this command; there are %s", pid, strings.Join(running, "; "))
	case len(candidates) == 0:
		return nil, fmt.Errorf("none has this command; there are %s", strings.Join(running, "; "))
	}
	return nil, fmt.Errorf("%d have this command, choose one with --pid: %s", len(candidates), strings.Join(running, "; "))
}
