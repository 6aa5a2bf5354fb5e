//! Photos of more than a person, cropped on the built site.
//!
//! Ignored unless asked for, as those of `browser.rs`.

use std::fs;
use std::io::Cursor;

use anyhow::{Context, Result, ensure};
use dcac_tests::browser::with_browser;
use dcac_tests::page::Page;
use dcac_tests::served::Served;
use image::{ImageFormat, Rgb, RgbImage};
use thirtyfour::{By, Key, WebDriver};

/// A JPEG that is red on its left and blue on its right, and that EXIF turns clockwise: shown, it
/// is 300 wide and 600 high, red above blue.
fn turned_photo() -> Result<Vec<u8>> {
    let picture = RgbImage::from_fn(600, 300, |x, _| {
        if x < 300 {
            Rgb([220, 20, 20])
        } else {
            Rgb([20, 20, 220])
        }
    });
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg)?;
    // One entry, the orientation (0x0112, a short): 6.
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut segment = vec![0xff, 0xe1];
    segment.extend((exif.len() as u16 + 2).to_be_bytes());
    segment.extend(exif);
    bytes.splice(2..2, segment);
    Ok(bytes)
}

/// Drags a box over the photo in the cropper, between shares of its width and height.
async fn drag(driver: &WebDriver, page: &Page, from: (f64, f64), to: (f64, f64)) -> Result<()> {
    let (left, top, width, height): (f64, f64, f64, f64) = page
        .value(
            "const place = document.querySelector('#stage').getBoundingClientRect();
            return [place.left, place.top, place.width, place.height]",
        )
        .await?;
    let at = |(x, y): (f64, f64)| ((left + x * width) as i64, (top + y * height) as i64);
    let (from, to) = (at(from), at(to));
    driver
        .action_chain()
        .move_to(from.0, from.1)
        .click_and_hold()
        .move_to((from.0 + to.0) / 2, (from.1 + to.1) / 2)
        .move_to(to.0, to.1)
        .release()
        .perform()
        .await?;
    Ok(())
}

/// Width and height of the box in the cropper.
async fn box_size(page: &Page) -> Result<(f64, f64)> {
    let text = page.text("box").await?;
    let mut numbers = text.split(' ').filter_map(|word| word.parse().ok());
    (numbers.next().zip(numbers.next())).with_context(|| format!("no box: {text}"))
}

#[tokio::test]
#[ignore = "needs a built site and a browser: cargo xtask test"]
async fn persons_are_cropped_out_of_photos() -> Result<()> {
    let served = Served::start()?;
    let (_, gallery) = served.trained.drawn()?;
    let folder = tempfile::tempdir()?;
    let photo = folder.path().join("street.jpg");
    fs::write(&photo, turned_photo()?)?;
    let wide = folder.path().join("square.png");
    RgbImage::from_pixel(200, 200, Rgb([90, 90, 90])).save(&wide)?;
    with_browser(async |driver| {
        let page = Page::open(&driver, &served.site.url(), "?backend=cpu&model=f16").await?;
        page.resize(1280, 900).await?;
        page.upload("gallery-input", &gallery[..5]).await?;
        page.upload("photo-input", std::slice::from_ref(&photo))
            .await?;
        page.wait_for("return document.querySelector('#stage img')?.naturalHeight === 600")
            .await?;

        // The lower right quarter, which is blue.
        drag(&driver, &page, (0.5, 0.55), (0.95, 0.95)).await?;
        let (width, height) = box_size(&page).await?;
        ensure!(
            (width - 135.0).abs() < 6.0 && (height - 240.0).abs() < 6.0,
            "a box of {width} x {height}"
        );
        page.click("#add-crop").await?;
        page.wait_for(
            "return document.querySelector('[data-name=\"street-1.png\"] img')?.complete ?? false",
        )
        .await?;
        let script = "const image = document.querySelector('[data-name=\"street-1.png\"] img');
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth;
            canvas.height = image.naturalHeight;
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            const middle = context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
            return [canvas.width, canvas.height, ...middle]";
        let crop: Vec<f64> = page.value(script).await?;
        ensure!(crop[..2] == [width, height], "the crop is {crop:?}");
        ensure!(
            crop[4] > 180.0 && crop[2] < 60.0,
            "it is not blue: {crop:?}"
        );

        // By the keyboard: a box in the middle, moved up, then made lower.
        let stage = driver.find(By::Id("stage")).await?;
        stage.focus().await?;
        stage.send_keys(Key::Up + "").await?;
        let (width, height) = box_size(&page).await?;
        ensure!((width, height) == (240.0, 480.0), "{width} x {height}");
        let top = "return document.querySelector('.frame').style.top";
        let before: String = page.value(top).await?;
        stage.send_keys(Key::Up + "").await?;
        let after: String = page.value(top).await?;
        ensure!(before == "10%" && after == "9%", "{before}, {after}");
        stage.send_keys(Key::Shift + Key::Up).await?;
        ensure!(box_size(&page).await? == (240.0, 474.0), "not resized");

        // A handle: the lower right corner, a sixth of the photo to the left.
        drag(&driver, &page, (0.9, 0.88), (0.9 - 1.0 / 6.0, 0.88)).await?;
        let (width, height) = box_size(&page).await?;
        ensure!(
            (width - 190.0).abs() < 4.0 && (height - 474.0).abs() < 4.0,
            "pulled to {width} x {height}"
        );
        page.click("#look-for-crop").await?;
        let hits = page.ranked().await?;
        ensure!(hits.len() == 6, "{} hits", hits.len());
        let query: String = page
            .value("return document.querySelector('.subject .name').textContent")
            .await?;
        ensure!(query == "street-2.png", "the query is {query}");
        page.wait_for("return !document.querySelector('#cropper').open")
            .await?;

        // A picture that is wider than a person offers it.
        page.upload("gallery-input", std::slice::from_ref(&wide))
            .await?;
        page.wait_for("return document.querySelector('[data-name=\"square.png\"] .cut') !== null")
            .await?;
        let offered: usize = page
            .value("return document.querySelectorAll('#results .cut').length")
            .await?;
        ensure!(offered == 1, "{offered} pictures offer to be cropped");
        page.click("[data-name=\"square.png\"] .cut").await?;
        page.wait_for("return document.querySelector('#stage img')?.naturalWidth === 200")
            .await?;
        Ok(())
    })
    .await
}
