module home-cluster.test/device

go 1.26
