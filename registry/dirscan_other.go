//go:build !linux

package registry

import "io/fs"

func changeIn(fs.FileInfo) (dirChange, bool) { return dirChange{}, false }
