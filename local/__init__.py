"""A local Azure to develop, test and try the product on; never deployed."""
