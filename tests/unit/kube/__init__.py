"""Tests of kube/: the API's side, without Home Assistant."""
