from sklearn.datasets import load_wine

wine = load_wine()
for name, value in zip(wine.feature_names, wine.data[0].tolist(), strict=True):
    print(f"    {name.replace('/', '_')}: float = Field(examples=[{value}])")
