module github.com/shmbus/shmbus/bench

go 1.26.0
