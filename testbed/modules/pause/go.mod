module github.com/home-cluster/home-cluster/testbed/modules/pause

go 1.26.0
