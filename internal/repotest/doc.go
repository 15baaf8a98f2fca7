// Package repotest holds the tests of the repository as a whole: its documents, its commands and the rules that its code follows.
package repotest
