package command

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/registry"
)

func (a *app) clean() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what dead processes left in the domain",
		Long: `Remove what dead processes left in the domain. Participants do so themselves when they join and when they notice a death;
this is for a domain that is not in use any more. Files of the living are never touched.`,
		Example: "  shmmon clean --dry-run\n  shmmon clean",
		Args:    cli.Args(),
		RunE: func(*cobra.Command, []string) error {
			dir, err := a.CheckedDir()
			if err != nil {
				return err
			}
			missing, _ := registry.DomainMissing(dir)
			names, err := registry.Clean(dir, dry)
			switch {
			case errors.Is(err, fs.ErrPermission): // says what would help
			case err != nil:
				err = fmt.Errorf("not everything is what shmbus leaves; look at it and remove it by hand:\n%w", err)
			}
			if a.JSON {
				if names == nil {
					names = []string{}
				}
				if e := a.Document(struct {
					Domain string   `json:"domain"`
					Exists bool     `json:"exists"`
					DryRun bool     `json:"dry_run"`
					Files  []string `json:"files"`
				}{dir, !missing, dry, names}); e != nil {
					return e
				}
				return err
			}
			verb := "removed"
			if dry {
				verb = "would remove"
			}
			for _, n := range names {
				fmt.Fprintf(a.Stdout, "%s %s\n", verb, text.Escape(n))
			}
			if len(names) == 0 && err == nil {
				fmt.Fprintf(a.Stdout, "nothing to remove in %s\n", text.Escape(dir+whether(dir)))
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only name the files")
	return cmd
}
