package cli

import (
	"fmt"
	"runtime/debug"
)

// version is what --version prints after the name of the program: the version of the module or, of a build from a checkout, its commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			v = s.Value
		}
	}
	return fmt.Sprintf("%s (%s)", v, info.GoVersion)
}
