// Package closed has the error of what is used after its end: an os.ErrClosed that says what it was.
package closed
