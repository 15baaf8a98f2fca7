//go:build !unix

package doctor

import "io/fs"

func fileOwner(fs.FileInfo) (uid, gid int, bytes int64) { return -1, -1, 0 }
