//go:build !unix

package registry

import "io/fs"

func ownerOf(fs.FileInfo) int { return -1 }
func groupOf(fs.FileInfo) int { return -1 }
