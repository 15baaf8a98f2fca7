package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// flagError leaves the names of functions out of what is said of a flag.
func flagError(cmd *cobra.Command, err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		err = errors.New(strings.Replace(err.Error(), number.Error(), number.Err.Error(), 1))
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if near := nearFlags(cmd, unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
		}
	}
	return Usage(cmd, err)
}

// numbersLast returns the arguments as they are or, if a negative number is no value of a flag, with "--" before it and all others that are
// no flags: it would be taken for a flag.
func numbersLast(root *cobra.Command, args []string) []string {
	cmd, rest, err := root.Find(args)
	if err != nil {
		return args
	}
	known := cmd.Flags()
	known.AddFlagSet(cmd.InheritedFlags())
	flags := strings.Fields(cmd.CommandPath())[1:]
	var others []string
	numbers := false
	for len(rest) > 0 {
		arg := rest[0]
		rest = rest[1:]
		switch number := isNegative(known, arg); {
		case arg == "--":
			others, rest = append(others, rest...), nil
		case number || arg == "-" || !strings.HasPrefix(arg, "-"):
			others, numbers = append(others, arg), numbers || number
		default:
			flags = append(flags, arg)
			switch needs := needsNext(known, arg); {
			case needs && len(rest) == 0:
				return flags // without its value, which is an error
			case needs:
				flags, rest = append(flags, rest[0]), rest[1:]
			}
		}
	}
	if !numbers {
		return args
	}
	return append(append(flags, "--"), others...)
}

// isNegative reports whether an argument is a negative number, and no flag.
func isNegative(known *pflag.FlagSet, arg string) bool {
	_, err := strconv.ParseFloat(arg, 64)
	return err == nil && arg[0] == '-' && known.ShorthandLookup(arg[1:2]) == nil
}

// needsNext reports whether the value of a flag is the argument behind it.
func needsNext(known *pflag.FlagSet, arg string) bool {
	if name, long := strings.CutPrefix(arg, "--"); long {
		flag := known.Lookup(name)
		return flag != nil && flag.NoOptDefVal == ""
	}
	for i := 1; i < len(arg); i++ {
		if flag := known.ShorthandLookup(arg[i : i+1]); flag == nil || flag.NoOptDefVal == "" {
			return flag != nil && i == len(arg)-1
		}
	}
	return false
}

// nearFlags returns the flags that may be meant by an unknown one, or by letters after one dash.
func nearFlags(cmd *cobra.Command, name, letters string) (near []string) {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if letters != "" {
		if len(letters) == 1 {
			return nil // every name is near
		}
		name = letters
	}
	for _, found := range text.Nearest(name, names) {
		near = append(near, "--"+found)
	}
	return near
}

// checkDomain refuses at once what no domain can be in or be called; help is there all the same.
func (a *App) checkDomain(cmd *cobra.Command, _ []string) error {
	if a.Dir == "" && a.Domain == "" {
		return nil
	}
	_, err := a.DomainDir()
	return Usage(cmd, err)
}
