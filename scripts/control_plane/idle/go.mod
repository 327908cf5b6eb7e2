module workbench.test/idle

go 1.24.0
