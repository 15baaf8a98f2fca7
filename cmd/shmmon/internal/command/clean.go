package command

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

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
			type fileRow struct {
				File string `json:"file"`
			}
			rows := make([]fileRow, len(names))
			for i, n := range names {
				rows[i].File = n
			}
			verb := "removed"
			if dry {
				verb = "would remove"
			}
			var b strings.Builder
			for _, n := range names {
				fmt.Fprintf(&b, "%s %s\n", verb, text.Escape(n))
			}
			if len(names) == 0 && err == nil {
				fmt.Fprintf(&b, "nothing to remove in %s\n", text.Escape(dir+whether(dir)))
			}
			if e := a.print(table(struct {
				Domain string   `json:"domain"`
				Exists bool     `json:"exists"`
				DryRun bool     `json:"dry_run"`
				Files  []string `json:"files"`
			}{dir, !missing, dry, append([]string{}, names...)}, rows, texts(b.String()))); e != nil {
				return e
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only name the files")
	return a.tabular(cmd)
}
