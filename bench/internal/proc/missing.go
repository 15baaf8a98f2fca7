package proc

import (
	"fmt"
	"os/exec"
)

// A MissingError reports a program, header or library that is not installed.
type MissingError struct {
	What    string
	Package string // of Debian
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is missing: apt-get install %s", e.What, e.Package)
}

// Find returns the path of a program, or a [*MissingError] with the package that has it.
func Find(name, pkg string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", &MissingError{What: name, Package: pkg}
	}
	return path, nil
}
