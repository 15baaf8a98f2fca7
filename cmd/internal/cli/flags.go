package cli

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// flagError leaves the names of functions out of what is said of a flag.
func flagError(cmd *cobra.Command, err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		err = errors.New(strings.Replace(err.Error(), number.Error(), number.Err.Error(), 1))
	}
	return Usage(cmd, err)
}

// checkDomain refuses at once what no domain can be in or be called; help is there all the same.
func (a *App) checkDomain(cmd *cobra.Command, _ []string) error {
	if a.Dir == "" && a.Domain == "" {
		return nil
	}
	_, err := a.DomainDir()
	return Usage(cmd, err)
}
