from PIL import Image, ImageOps

digit = Image.open("test_images/4.png").convert("L").resize((200, 200))
paper = Image.new("L", (400, 300), 0)
paper.paste(digit.rotate(12), (130, 40))
ImageOps.colorize(paper, black="linen", white="midnightblue").save("photograph.jpg")
