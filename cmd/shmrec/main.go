// Command shmrec records the topics of a shmbus domain to an MCAP file, plays MCAP files of any tool back into a domain, and shows what
// a file contains.
//
//	shmrec record -o FILE.mcap    record topics
//	shmrec info FILE.mcap         show the topics and times of a file
//	shmrec play FILE.mcap         publish the messages of a file at their recorded times
//	shmrec cut FILE.mcap          write a part of a file to a new one
//	shmrec recover FILE.mcap      write what can be read of a damaged file to a new one
//
// The tools and libraries of the MCAP project read the files.
//
// docs/recording.md describes the commands and the files.
package main

import (
	"os"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmrec/internal/command"
)

func main() { os.Exit(cli.Main(command.Run)) }
