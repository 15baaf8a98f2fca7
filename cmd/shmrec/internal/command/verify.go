package command

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

// doVerify plays a file, records that and compares. Different files are exit code 3: the replay is done, but not the same.
func (a *app) doVerify(ctx context.Context, argument, path string, o record.PlayOptions) error {
	name := inputName(argument)
	line := a.progress(func(p record.Progress) string { return playLine(p, record.PlayStatus{}) })
	o.Progress = line.show
	var v record.Verification
	err := cli.Await(ctx, func() (err error) {
		v, err = record.Verify(ctx, path, &o)
		return err
	})
	line.clear()
	if err != nil {
		return err
	}
	v.Played.Path = argument
	if a.JSON {
		err = a.Document(struct {
			Played playedSummary `json:"played"`
			record.Verification
		}{withoutLosses(&v.Played), v})
	} else if v.Difference.Equal {
		_, err = fmt.Fprintf(a.Stdout, "%s: %s played, recorded and found equal\n", name, text.Many(v.Played.Messages, "message"))
	}
	switch {
	case err != nil:
		return err
	case !v.Difference.Equal:
		return cli.Lossyf("%s: the replay differs: %s", name, v.Difference.First)
	case v.Played.Damage != nil:
		return cli.Lossyf("%s: %v", name, v.Played.Damage)
	}
	return nil
}
