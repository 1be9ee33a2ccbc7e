struct null {
	decltype(nullptr) m;
	int k;
};
null n;
